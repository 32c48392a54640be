"""The last lines on the screen say what came in, what was kept out, how the models did and what to open."""

import contextlib
import io
import re

import pandas as pd
import pytest

from blastscreen.runs.screen import print_summary


def printed(**changes):
    index = pd.DataFrame(
        {
            "status": ["accepted", "accepted", "review", "rejected", "rejected", "duplicate"],
            "reasons": ["", "", "border;frame_size", "truncated", "truncated", "border;duplicate"],
            "label": ["all", "hem", "hem", None, None, "all"],
            "subject_id": ["1", "H1", "H2", "H2", None, "2"],
            "data_source": "somebody's cells",
        }
    )
    rates = {
        "n_cells": 3,
        "n_unfit": 1,
        "n_subjects": 2,
        "threshold": 0.115,
        "accuracy": 2 / 3,
        "sensitivity": 1.0,
        "specificity": None,
        "auroc": 0.75,
        "intervals": {"accuracy": {"low": 0.314, "high": 0.9}, "sensitivity": None, "specificity": None, "auroc": None},
    }
    arguments = {
        "index": index,
        "sources": ["somebody's cells"],
        "features": pd.DataFrame({"reasons": ["", "non_finite:glcm_correlation"]}),
        "metrics": {"rf": {"validation": rates | {"n_cells": 99}, "test": rates}},
        "promises": {"rf": ["Every cell goes to an expert."]},
        "decisions": {},
        "log": "data/run.log",
        "to_open": ["data/08_reporting/sample/report.html"],
    }
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as output:
        patch.setenv("COLUMNS", "160")
        print_summary(**arguments | changes)
    return output.getvalue()


def test_every_file_is_accounted_for():
    text = printed()
    assert "6 files came in: 2 accepted, 1 flagged for review, 1 set aside as duplicates, 2 rejected" in text
    assert "1 all of 1 subjects, 2 hem of 2 subjects" in text
    assert "rejected: truncated 2" in text
    assert "review: frame_size 1; unfit: border 1" in text
    assert "not modelled: non_finite:glcm_correlation 1" in text


def test_what_can_be_relied_on_is_said_of_each_model():
    assert "rf: Every cell goes to an expert." in printed()


def test_a_sentence_that_holds_for_several_models_is_printed_once():
    text = printed(promises={"cnn": ["43% are found.", "All are referred."], "rf": ["All are referred."]})
    assert "cnn: 43% are found." in text
    assert text.count("All are referred.") == text.count("cnn, rf: All are referred.") == 1


def test_test_metrics_are_shown_and_undefined_ones_say_so():
    text = printed()
    for name, value in {
        "n cells": "3",
        "n unfit": "1",
        "threshold": "0.115",
        "accuracy": r"0.667 \(0.31-0.90\)",
        "sensitivity": "1.000",
        "specificity": "undefined",
        "auroc": "0.750",
    }.items():
        assert re.search(rf" {name} +{value} ", text), name


def test_metrics_of_cells_from_outside_are_shown_too():
    metrics = dict.fromkeys(("n_unfit", "n_subjects", "threshold", "accuracy", "sensitivity", "specificity", "auroc"))
    text = printed(metrics={"rf_external": metrics | {"n_cells": 77, "intervals": {}}})
    assert re.search(r"test cells +rf_external .*\n.* n cells +77 ", text)


def test_rates_without_any_interval_say_why():
    rates = dict.fromkeys(("threshold", "accuracy", "sensitivity", "specificity", "auroc"), 0.5)
    alone = {"rf": {"n_cells": 9, "n_unfit": 0, "n_subjects": 2, "intervals": {"auroc": None}} | rates}
    assert "No intervals: a class has fewer than two subject groups" in printed(metrics=alone)
    assert "No intervals" not in printed()


def test_decisions_on_files_from_outside_are_counted_with_the_reasons_of_unfit_ones():
    files = pd.DataFrame(
        {
            "decision": ["blast", "refer", "refer", "refer", None],
            "reasons": ["lossy_source", "", "border;small_cell", "lossy_source;small_cell", "no_cell"],
        }
    )
    text = printed(decisions={"rf": files})
    assert "rf: 1 blast, 0 normal, 3 refer, of which 2 unfit to be decided (border 1, small_cell 2)" in text
    assert "unfit" not in printed(decisions={"rf": files.head(2)}).split("rf: 1 blast")[1]


def test_counts_stand_before_what_can_be_relied_on():
    text = printed(decisions={"rf": pd.DataFrame({"decision": ["blast"], "reasons": [""]})})
    assert text.index("rf: 1 blast") < text.index("rf: Every cell goes to an expert.")


def test_the_last_lines_are_the_files_to_open_each_in_one_piece():
    paths = ["data/" + "very long " * 30 + "report.html", "data/other.csv"]
    assert printed(to_open=paths).splitlines()[-3:] == ["Log: data/run.log", *(f"Open: {path}" for path in paths)]


def test_source_and_limits_stand_on_it():
    top, *_, bottom, _log, _open = printed().splitlines()
    assert "blastscreen: somebody's cells" in top
    assert "research use only, not a medical device" in bottom


def test_a_run_without_cells_or_models_still_says_where_things_lie():
    assert printed(index=None, sources=(), features=None, metrics={}, promises={}, to_open=()) == "Log: data/run.log\n"


def test_nothing_flagged_is_said():
    clean = pd.DataFrame(
        {"status": ["accepted"], "reasons": [""], "label": ["all"], "subject_id": ["1"], "data_source": "x"}
    )
    assert "No file was flagged." in printed(index=clean, features=None)
