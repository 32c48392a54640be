import math

import pytest

from blastscreen.report.shown import explain_undefined, show, spell


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (10661, "count", "10,661"),
        (0.91249, "rate", "91.2%"),
        (0.87654, "score", "0.877"),
        (0.0234, "points", "+2.3 points"),
        (-0.0234, "points", "−2.3 points"),  # noqa: RUF001
        (-0.0004, "gain", "0.000"),
        (0.0001, "points", "0.0 points"),
        (0.0412, "p_value", "0.041"),
        (0.0004, "p_value", "below 0.001"),
    ],
)
def test_numbers_are_rounded_by_their_kind(value, kind, text):
    assert spell(value, kind) == text


def test_an_interval_is_rounded_as_its_value_is():
    shown = show(-0.02, "points", interval={"low": -0.051, "high": 0.012})
    assert (shown.text, shown.range) == ("−2.0 points", "−5.1 to +1.2")  # noqa: RUF001
    assert (shown.value, shown.low, shown.high) == (-0.02, -0.051, 0.012)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_defined_says_why_and_is_no_number(value):
    shown = show(value, "rate", undefined="there are no blasts", no_interval="too few")
    assert (shown.text, shown.value, shown.range, shown.note) == ("not defined", None, "", "there are no blasts")


def test_a_missing_interval_says_why():
    assert show(0.5, "rate", interval=None, no_interval="one subject").note == "one subject"
    broken = {"low": math.nan, "high": 1.0}
    assert show(0.5, "rate", interval=broken, no_interval="one subject").range == ""


@pytest.mark.parametrize(
    ("metric", "calls", "why"),
    [
        ("sensitivity", (5, 2, 0, 0), "no blasts"),
        ("specificity", (0, 0, 1, 4), "no normal"),
        ("auroc", (5, 2, 0, 0), "no blasts"),
        ("precision_all", (5, 0, 1, 0), "no cell was called a blast"),
        ("precision_hem", (0, 5, 0, 2), "no cell was called normal"),
        ("accuracy", (0, 0, 0, 0), "no cells"),
    ],
)
def test_a_rate_without_anything_to_rate_says_what_is_missing(metric, calls, why):
    names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    confusion = dict(zip(names, calls, strict=True))
    assert why in explain_undefined(confusion)[metric]
