"""Benchmarks run, count what they say they count, and their tables are those of the documentation."""

import importlib
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from blastscreen.evaluation import calibration
from blastscreen.vocabulary import Calibration

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch):
    """Import a module of the folder `benchmarks`, which is no package."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / script, *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout


def test_candidates_take_turns_and_every_other_round_is_reversed(benchmark):
    calls = []
    candidates = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = benchmark("timing").compare(candidates, repeats=3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_the_ratio_is_the_median_of_the_rounds_not_of_the_times(benchmark):
    assert benchmark("timing").ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == {"ratio": 2.0, "low": 1.0, "high": 3.0}
    with pytest.raises(ValueError, match="no round"):
        benchmark("timing").ratio([], [])


def test_trainings_take_turns_epoch_by_epoch(benchmark):
    calls = []

    def train(name, epochs, pause):
        for _ in range(epochs):
            calls.append(name)
            pause()

    turns = benchmark("turns").take_turns({"a": partial(train, "a", 3), "b": partial(train, "b", 1)})
    assert "".join(calls) == "abaa"
    assert {name: len(times) for name, times in turns.wall.items()} == {"a": 3, "b": 1}
    assert {name: len(times) for name, times in turns.processor.items()} == {"a": 3, "b": 1}


def test_a_training_that_fails_does_not_leave_the_others_waiting(benchmark):
    def fail(pause):
        pause()
        raise KeyError("no cells")

    with pytest.raises(KeyError, match="no cells"):
        benchmark("turns").take_turns({"a": fail, "b": lambda pause: [pause() for _ in range(3)]})


def test_folds_hold_whole_subjects_and_test_both_classes(benchmark):
    subjects = ["a"] * 5 + ["b", "c", "d"] + ["H1", "H2", "H2", "H3"]
    table = pd.DataFrame({"subject_group": subjects, "label": ["all"] * 8 + ["hem"] * 4}, index=range(7, 19))
    fold = benchmark("subject_folds").deal_subjects(table, n_folds=2)
    assert fold.tolist() == [*[0, 0, 0, 0, 0, 1, 0, 1], *[0, 1, 1, 0]]
    with pytest.raises(ValueError, match="3 subjects with hem"):
        benchmark("subject_folds").deal_subjects(table, n_folds=4)


def test_operations_of_the_paper_network_by_hand(benchmark):
    throughput = benchmark("cnn_throughput")
    training, prediction = throughput.count_operations(throughput.read_settings(input_side=16))
    layers = [16 * 16 * 27 * 32, 8 * 8 * 9 * 32 * 64, 4 * 4 * 9 * 64 * 128, 2 * 2 * 128 * 128, 128 * 64, 64]
    assert prediction == 2 * sum(layers)
    assert training == 2 * (3 * sum(layers) - layers[0])


@pytest.mark.parametrize("name", ["sample", "jpeg300"])
def test_the_documentation_shows_the_table_of_the_stored_results(benchmark, name):
    results = json.loads((ROOT / f"docs/results/cnn_variants_{name}.json").read_text())
    page = (ROOT / "docs/explanation/network.md").read_text()
    assert benchmark("cnn_variants").format_table(results) in page


@pytest.mark.slow
def test_variants_run_and_what_is_finished_is_not_trained_again(tmp_path):
    arguments = ("--tiny", "--out", tmp_path / "out.json", "--scratch", tmp_path / "scratch")
    first = run("cnn_variants.py", *arguments)
    results = json.loads((tmp_path / "out.json").read_text())
    assert [(one["variant"], one["views"]) for one in results["runs"]] == [
        (variant, views) for variant in ("plain", "flatten head") for views in (1, 8)
    ]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "scratch").iterdir()}
    assert len(kept) == 2
    assert all(np.isfinite(np.load(path)).all() for path in kept)
    again = run("cnn_variants.py", *arguments)
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "scratch").iterdir()}
    assert first.partition("|")[2] == again.partition("|")[2]


def test_the_documentation_shows_the_coverage_of_intervals_that_was_measured(benchmark):
    results = json.loads((ROOT / "docs/results/interval_coverage.json").read_text())
    assert (
        benchmark("interval_coverage").format_table(results)
        in (ROOT / "docs/adr/0010-intervals-over-groups.md").read_text()
    )
    assert all(row["covered"] >= 0.93 and max(row["above"], row["below"]) <= 0.05 for row in results["rows"])


def test_the_documentation_shows_the_ratios_of_the_stored_results(benchmark):
    results = json.loads((ROOT / "docs/results/bench.json").read_text())
    assert benchmark("run").format_table(results) in (ROOT / "docs/explanation/performance.md").read_text()


def test_a_quick_calibration_is_the_one_that_runs_use(benchmark, monkeypatch):
    promise = benchmark("promise")
    cells = promise.draw_cells(np.random.default_rng(1), 20, population=promise.POPULATIONS["good"], correlation=0.3)
    methods = (Calibration.SIGMOID, Calibration.ISOTONIC)
    usual = [calibration.calibrate_predictions(cells, method=method)["blast_probability"] for method in methods]
    monkeypatch.setattr("sklearn.calibration.CalibratedClassifierCV", promise.QuickCalibration)
    for method, expected in zip(methods, usual, strict=True):
        found = calibration.calibrate_predictions(cells, method=method)["blast_probability"]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_documentation_shows_what_became_of_the_promises(benchmark):
    results = json.loads((ROOT / "docs/results/promise.json").read_text())
    assert benchmark("promise").format_table(results["rows"]) in (ROOT / "docs/explanation/referral.md").read_text()
    # a number of cohorts can fall short of 95 % by chance
    margin = 3 * (0.05 * 0.95 / results["n_cohorts"]) ** 0.5
    for row in results["rows"]:
        assert min(row["kept over subjects"], row["found over subjects"]) >= 0.95 - margin, row
        # over cells nothing is promised where those with many of them are called wrongly more often
        if row["population"] != "wrong with size":
            assert min(row["kept over cells"], row["found over cells"]) >= 0.95 - margin, row


@pytest.mark.slow
def test_promises_are_tried_on_every_population(benchmark, tmp_path):
    printed = run("promise.py", "--cohorts=1", "--out", tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert {row["population"] for row in rows} == set(benchmark("promise").POPULATIONS)
    assert benchmark("promise").format_table(rows) in printed


@pytest.mark.slow
def test_everything_that_make_bench_measures_runs(benchmark, tmp_path):
    printed = run("run.py", "--tiny", "--out", tmp_path / "out.json")
    results = json.loads((tmp_path / "out.json").read_text())
    assert set(benchmark("run").BENCHMARKS) < set(results)
    assert results["features"]["largest_difference"] < 1e-9
    assert {"cnn_training_against_keras", "cnn_prediction_against_keras"} <= set(results["cnn_throughput"])
    assert 0 < results["pipelines"]["rf_share_of_sklearn"]["share"] < 1
    ratios = dict(benchmark("run").find_ratios(results))
    assert "pipelines / features_against / paper" in ratios
    for name, values in ratios.items():
        assert 0 < values["low"] <= values["ratio"] <= values["high"]
        assert name in printed


@pytest.mark.slow
def test_a_run_that_is_killed_and_started_again_ends_with_the_same_tables(tmp_path):
    run("interruptions.py", "--tiny", "--out", tmp_path / "out.json")
    results = json.loads((tmp_path / "out.json").read_text())
    assert results["killed"]["same_tables"] == ["cell_features", "cell_index", "cell_splits", "rf_predictions"]
    assert results["undisturbed"]["peak_memory_mib"] > 0
