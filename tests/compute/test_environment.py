"""The manifest repeats what made a run, and names nobody's folders."""

import subprocess
from importlib.metadata import version

from blastscreen.compute.environment import describe_environment, describe_git


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


def test_settings_of_the_processor_stand_in_it_without_what_they_name(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX2 FMA3")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/home/jane")
    monkeypatch.delenv("NUMBA_CPU_NAME", raising=False)
    found = describe_environment(tmp_path)["processor_settings"]
    assert {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"}.items() <= found.items()
    assert "NUMBA_CPU_NAME" not in found
    assert "jane" not in found["XLA_FLAGS"]
