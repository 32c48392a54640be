"""What the user of `kedro run` sees: a line per step, the summary, errors in a few lines; the rest is in the log."""

import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.framework.cli.utils import find_run_command
from kedro.framework.startup import bootstrap_project

from blastscreen.pipeline_registry import register_pipelines

KEDRO = [sys.executable, "-m", "kedro", "run"]


@pytest.fixture
def typed(project, monkeypatch, capfd):
    """Type `kedro run <options>` in the project's folder: exit status, standard output and standard error."""
    bootstrap_project(project.folder)
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("BLASTSCREEN_VERBOSE", raising=False)

    def run(*options):
        with pytest.raises(SystemExit) as ended:
            find_run_command("blastscreen").main(list(options), prog_name="kedro run")
        return ended.value.code, *capfd.readouterr()

    return run


def only(paths):
    (path,) = paths
    return path


def log_of(project):
    return only(project.folder.glob("data/08_reporting/*/run_log/*/run.log")).read_text()


def test_a_run_shows_one_line_per_step_and_ends_with_what_to_open(typed, project):
    code, out, err = typed("--pipeline=preprocessing")
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    names = {node.name for node in register_pipelines()["preprocessing"].nodes}
    steps = [re.fullmatch(rf"(\d)/{len(names)}  (\S+) +\d+\.\d s", line) for line in lines[: len(names)]]
    assert [int(step[1]) for step in steps] == list(range(1, len(names) + 1))
    assert {step[2] for step in steps} == names
    assert lines[len(names)].startswith("╭")
    assert lines[-3].startswith("╰")
    log, to_open = (line.split(": ")[1] for line in lines[-2:])
    assert first.endswith(log)
    assert Path(to_open).parts[2:] == (
        "sample",
        "integrity_report.json",
        Path(log).parent.name,
        "integrity_report.json",
    )
    assert (project.folder / to_open).is_file()
    text = (project.folder / log).read_text()
    assert "kedro.io.data_catalog: Loading data from raw_cells" in text
    assert "blastscreen.compute.parallel: Standardising cells" in text
    assert "Saving data to run_manifest" in text


def test_verbose_brings_back_what_kedro_says(typed):
    _, out, _ = typed("--pipelines=preprocessing", "--nodes=preprocessing.index_cells", "--verbose")
    assert "Loading data from raw_cells" in out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--pipelines=rff"], "There is no pipeline 'rff'. Did you mean rf?"),
        (["--env=papr"], "There is no environment 'papr'. Did you mean paper?"),
        (
            ["--pipelines=rf", "--nodes=rf.train_forrest"],
            "There is no node 'rf.train_forrest'. Did you mean rf.train_forest",
        ),
        (["--pipelines=rf", "--load-versions=rf_modle:2026"], "There is no entry 'rf_modle'. Did you mean rf_model"),
        (["--tag=slow"], "No such option '--tag'"),
        (["--params=imagse=x"], "imagse (--params) is not a parameter. Did you mean images?"),
        (["--runner=ParallelRunner"], "ParallelRunner is not supported"),
        (["--pipelines=reporting"], "results that are not there"),
        (["--env=cnmc", "--pipelines=rf"], "There is no folder"),
        (
            ["--pipelines=rf", "--params=rf.n_trees=2.5,splits.strategy=subjects"],
            "rf.n_trees is 2.5 (--params). It must be a valid integer, got a number with a fractional part (trees of "
            "the forest).\n"
            "splits.strategy is \"subjects\" (--params). It must be 'subject', 'source_fold' or 'image' (",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_user_can_mend_is_a_few_lines(typed, options, text):
    code, out, err = typed(*options)
    assert code == 1
    assert text in err
    assert len(err.splitlines()) <= 6
    assert "Traceback" not in out + err


def test_a_wrong_value_in_a_file_is_found_there(typed, project):
    project.write_local("parameters", {"rf": {"n_trees": 0}, "evaluation": {"confidence_level": "high"}})
    code, _, err = typed("--pipelines=rf")
    assert code == 1
    assert "rf.n_trees is 0 (conf/local/parameters.yml). It must be greater than or equal to 1" in err
    assert 'evaluation.confidence_level is "high" (conf/local/parameters.yml). It must be a valid number' in err


def test_conf_that_is_no_yaml_is_named(typed, project):
    (project.folder / "conf" / "local" / "parameters.yml").write_text("rf: {n_trees: [")
    code, _, err = typed("--pipelines=rf")
    assert code == 1
    assert "conf/local/parameters.yml" in err
    assert len(err.splitlines()) <= 3


def test_an_unsound_cohort_is_said_without_traceback_which_the_log_has(typed, project):
    few = {"type": "blastscreen.datasets.SampleCells", "n_cells": 24, "n_subjects": 4, "seed": 3}
    project.write_local("catalog", {"raw_cells": few})
    code, out, err = typed("--pipelines=preprocessing")
    assert code == 1
    assert "preprocessing.split_cells" in next(line for line in out.splitlines() if line.endswith("failed"))
    assert "Traceback" not in out + err
    assert len(err.splitlines()) <= 8
    assert re.search(r"Traceback .*split_cells.*CohortError: ", log_of(project), re.DOTALL)


def test_a_fault_of_ours_keeps_its_traceback_and_names_the_log(typed, project):
    (project.folder / "cells.yml").write_text("- no mapping")
    project.write_local("catalog", {"raw_cells": {"type": "yaml.YAMLDataset", "filepath": "cells.yml"}})
    code, _, err = typed("--pipelines=preprocessing")
    assert code == 1
    assert "Traceback" in err
    assert re.search(r"The whole log: data/\S+/run\.log\nThis is a fault of blastscreen", err)
    assert "Traceback" in log_of(project)
    assert project.catalog().load("run_manifest")["outcome"].startswith("failed: ")


def limited(project, *options, **limits):
    """Run in a process that has limits of its own."""

    def limit():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))

    done = subprocess.run(
        [*KEDRO, *options], cwd=project.folder, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("pipeline", "limit", "needed"), [("rf", 1.5, "4.0 GB"), ("cnn", 4.0, "6.0 GB")])
def test_too_low_a_limit_on_memory_is_refused_before_libraries_crash(project, pipeline, limit, needed):
    code, out, err = limited(project, f"--pipelines={pipeline}", RLIMIT_AS=int(limit * 1e9))
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"The memory limit is too low: .*{limit:.1f} GB .*needs {re.escape(needed)}.*\n", err)


def test_what_could_not_be_written_is_the_last_word(project):
    code, out, err = limited(project, "--pipelines=preprocessing", RLIMIT_FSIZE=10_000)
    assert code == 1
    assert "preprocessing.index_cells" in out
    assert re.match(r"(preprocessing\.|cell_)index\w* could not be written: .*ulimit", err.splitlines()[-1])
    assert "Traceback" not in out + err


def test_a_library_that_crashes_is_not_silent(project):
    (project.folder / "src" / "crashing.py").write_text(
        "import os\nfrom kedro_datasets.yaml import YAMLDataset\n\n\n"
        "class Crashing(YAMLDataset):\n    def load(self):\n        os.abort()\n"
    )
    (project.folder / "cells.yml").write_text("{}")
    project.write_local("catalog", {"raw_cells": {"type": "crashing.Crashing", "filepath": "cells.yml"}})
    code, out, err = limited(project, "--pipelines=preprocessing")
    assert code == -signal.SIGABRT
    assert re.search(r"Fatal Python error: Aborted.*crashing\.py", err, re.DOTALL)
    assert (project.folder / out.splitlines()[0].removeprefix("Log: ")).is_file()
