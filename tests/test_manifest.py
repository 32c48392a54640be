"""The manifest repeats what made a run, and names nobody's folders."""

import subprocess
from importlib.metadata import version

from blastscreen.manifest import describe_environment, describe_git, plain
from blastscreen.parameters import ReportingParameters


def git(folder, *arguments):
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_git_tells_commit_and_changes(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    clean = describe_git(tmp_path)
    (tmp_path / "file").write_text("two")
    changed = describe_git(tmp_path)
    assert len(clean["commit"]) == 40
    assert clean["modified"] is False
    assert changed == {"commit": clean["commit"], "modified": True}


def test_outside_a_repository_git_is_unknown(tmp_path):
    assert describe_git(tmp_path / "nowhere") == {"commit": None, "modified": None}


def test_libraries_are_those_installed(tmp_path):
    environment = describe_environment(tmp_path)
    assert environment["libraries"]["scikit-learn"] == version("scikit-learn")
    assert environment["cores"] >= 1


def test_parameters_become_plain_and_paths_lose_their_folders():
    parameters = {
        "reporting": ReportingParameters(sheet_cells=12, sheet_columns=4, error_cells=3),
        "images": "/home/somebody/C-NMC_training_data",
        "windows": "C:\\somebody\\cells",
        "sizes": (450, 600),
        "seed": 42,
    }
    assert plain(parameters) == {
        "reporting": {"sheet_cells": 12, "sheet_columns": 4, "error_cells": 3},
        "images": "C-NMC_training_data",
        "windows": "cells",
        "sizes": [450, 600],
        "seed": 42,
    }
