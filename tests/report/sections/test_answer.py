import pandas as pd
import pytest

from blastscreen.report.results import gather_results
from blastscreen.report.sections.answer import describe_answer, describe_pair

NAMES = {"rf": "random forest", "cnn": "network"}


def pair(first, second, interval):
    difference = None if first is None else first - second
    found = {"first": first, "second": second, "difference": difference, "interval": interval}
    return {"first": "rf", "second": "cnn", "differences": {"auroc": found}}


@pytest.mark.parametrize(
    ("values", "bounds", "better", "verdict"),
    [
        ((0.9, 0.8), (0.02, 0.18), "the random forest told", "leaves out 0"),
        ((0.8, 0.9), (-0.18, -0.02), "the network told", "+0.020 to +0.180, leaves out 0"),
        ((0.8, 0.9), (-0.18, 0.02), "the network told", "−0.020 to +0.180, includes 0"),  # noqa: RUF001
        ((0.9, 0.8), (0.0, 0.18), "the random forest told", "includes 0"),
        ((0.8, 0.8), (-0.1, 0.1), "did equally well", "includes 0"),
        ((0.5, 0.4), (-0.1, 0.3), "neither the random forest nor the network", "includes 0"),
    ],
)
def test_the_better_model_is_named_and_whether_chance_would_do(values, bounds, better, verdict):
    interval = dict(zip(("low", "high"), bounds, strict=True))
    text = describe_pair(pair(*values, interval), titles=NAMES, confidence="95%")
    assert better in text
    assert verdict in text


def test_without_an_interval_nothing_is_said_of_chance():
    text = describe_pair(pair(0.9, 0.8, None), titles=NAMES, confidence="95%")
    assert "can't be said" in text
    assert "includes" not in text
    assert "leaves out" not in text


def test_one_class_only_is_no_comparison():
    assert "all of one class" in describe_pair(pair(None, None, None), titles=NAMES, confidence="95%")


def test_cells_subjects_and_calls_are_counted(entries):
    answer = describe_answer(gather_results(**entries))
    assert answer["setting"] == (
        "Each model judged 20 cells one by one, of 2 subjects with leukemic blasts and 2 subjects with normal "
        "precursors, none of whom gave a cell to training."
    )
    assert "found 9 of 10 leukemic cells (90.0%, 95% interval 85.0 to 95.0)" in answer["calls"][0]
    assert "mistook 3 of 10 normal cells" in answer["calls"][1]


def test_shared_subjects_are_counted(entries):
    splits = entries["cell_splits"].assign(subject_group=lambda table: table["subject_id"].str.rstrip("aestrv"))
    answer = describe_answer(gather_results(**(entries | {"cell_splits": splits})))
    assert "4 of their 4 subject groups also gave cells to training" in answer["setting"]


@pytest.mark.parametrize(
    ("calls", "low", "warning"),
    [
        ((0, 5, 0, 9), 0.6, "It called every cell a blast."),
        ((5, 0, 9, 0), 0.6, "It called no cell a blast."),
        (
            (0, 5, 0, 9),
            0.45,
            "It called every cell a blast. It is not shown to be better than guessing: the interval of "
            "its AUROC, 0.450 to 0.900, includes 0.5.",
        ),
        ((4, 1, 1, 8), 0.45, "better than guessing: the interval of its AUROC, 0.450 to 0.900, includes 0.5."),
        ((4, 1, 1, 8), 0.6, "normal cells for leukemic ones (30.0%, 95% interval 25.0 to 35.0)."),
    ],
)
def test_rates_that_mean_nothing_are_called_so(entries, calls, low, warning):
    confusion = dict(zip(entries["rf_metrics"]["test"]["confusion"], calls, strict=True))
    intervals = entries["rf_metrics"]["test"]["intervals"] | {"auroc": {"low": low, "high": 0.9}}
    test = entries["rf_metrics"]["test"] | {"confusion": confusion, "intervals": intervals}
    metrics = entries["rf_metrics"] | {"test": test}
    answer = describe_answer(gather_results(**(entries | {"rf_metrics": metrics})))
    assert answer["calls"][0].endswith(warning)


@pytest.mark.parametrize(
    ("auroc", "interval", "said"),
    [
        (0.4, {"low": 0.3, "high": 0.45}, "its AUROC is below 0.5, and so is all of its interval, 0.300 to 0.450."),
        (0.45, None, "its AUROC, 0.450, has no interval."),
    ],
)
def test_each_model_that_may_be_guessing_is_said_to(entries, auroc, interval, said):
    test = entries["cnn_metrics"]["test"] | {"auroc": auroc, "intervals": {"auroc": interval}}
    metrics = entries["cnn_metrics"] | {"test": test}
    answer = describe_answer(gather_results(**(entries | {"cnn_metrics": metrics})))
    assert answer["calls"][1].endswith(f"It is not shown to be better than guessing: {said}")
    assert "guessing" not in answer["calls"][0]


@pytest.mark.parametrize(("kept", "is_said"), [(3, True), (2, False)])
def test_training_that_its_limit_ended_is_told(entries, kept, is_said):
    history = pd.DataFrame({"seed": 42, "epoch": [1, 2, 3]}).assign(kept=lambda table: table["epoch"] == kept)
    calls = describe_answer(gather_results(**(entries | {"cnn_history": history})))["calls"]
    assert ["stopped at its limit of epochs" in call for call in calls] == [False, is_said]
