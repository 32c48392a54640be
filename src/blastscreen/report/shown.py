"""Numbers and tables as they are shown: rounded alike everywhere, with interval, or with the reason for its absence."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from blastscreen.report.results import Source

Kind = Literal["count", "rate", "score", "points", "gain", "p_value"]
"""How a number is rounded: rate (0 to 1) in percent, score with three decimals; points is a difference of rates in
percentage points, gain a difference of scores."""

NO_INTERVAL = "no interval"
"""Note on a number that should have one; tables explain it."""


@dataclass(frozen=True)
class Quantity:
    """A number, what it is in dots (`rf.test.sensitivity`), its text and rounded interval, and why one is missing."""

    name: str
    text: str
    value: float | None
    low: float | None = None
    high: float | None = None
    range: str = ""
    note: str = ""


Row = dict[str, str | Quantity]
Columns = Mapping[str, tuple[str, Kind | None]]
"""Of each part of a record that is shown: its heading, and how it is rounded if it is a number."""
Numbers = dict[str, tuple[str, Kind]]


@dataclass(frozen=True)
class Table:
    """Rows that map each heading to its cell, the first of which names the row."""

    title: str
    rows: Sequence[Row]
    unit: str = ""
    sources: tuple[Source, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The headings of all rows."""
        return list(dict.fromkeys(heading for row in self.rows for heading in row))

    @property
    def lacks_intervals(self) -> bool:
        """Whether a number lacks the interval that it should have."""
        return any(getattr(cell, "note", "") == NO_INTERVAL for row in self.rows for cell in row.values())


def show(
    value: float | None,
    kind: Kind,
    name: str = "",
    *,
    interval: Mapping[str, Any] | None = None,
    undefined: str = "",
    no_interval: str = "",
) -> Quantity:
    """Round a number for reading; `undefined` says why it may be None or not finite.

    Example:
        >>> shown = show(0.912, "rate", interval={"low": 0.83, "high": 0.961})
        >>> shown.text, shown.range
        ('91.2%', '83.0 to 96.1')
    """
    if not is_defined(value):
        return Quantity(name=name, text="not defined", value=None, note=undefined)
    text = spell(value, kind)
    if interval is None or not (is_defined(interval["low"]) and is_defined(interval["high"])):
        return Quantity(name=name, text=text, value=value, note=no_interval)
    low, high = interval["low"], interval["high"]
    bounds = " to ".join(spell(bound, kind).removesuffix("%").removesuffix(" points") for bound in (low, high))
    return Quantity(name=name, text=text, value=value, low=low, high=high, range=bounds)


def show_row(
    record: Mapping[Any, Any],
    columns: Columns,
    name: str,
    *,
    first: Mapping[str, str] | None = None,
    undefined: Mapping[str, str] | str = "",
    no_interval: Mapping[str, str] | None = None,
) -> Row:
    """Show the parts of a record under their headings, after `first`; those that it doesn't have are left out.

    Its `intervals`, if it has any, are by the names of the parts. `undefined` says, for all or per part, why it may
    have no value, `no_interval` per part that should have an interval why it may have none.
    """
    intervals, row = record.get("intervals", {}), dict[str, str | Quantity](first or {})
    for part, (heading, kind) in columns.items():
        if part in record and kind:
            why = undefined if isinstance(undefined, str) else undefined.get(part, "")
            reasons = {"undefined": why, "no_interval": (no_interval or {}).get(part, "")}
            row[heading] = show(record[part], kind, f"{name}.{part}", interval=intervals.get(part), **reasons)
        elif part in record:
            row[heading] = str(record[part])
    return row


def transpose(columns: Mapping[str, Row], heading: str) -> list[Row]:
    """Turn rows of equal headings into columns; the headings become the first column."""
    names = dict.fromkeys(name for column in columns.values() for name in column)
    return [{heading: name, **{title: column[name] for title, column in columns.items()}} for name in names]


def spell(value: float, kind: Kind) -> str:
    """Round and write a finite number."""
    return _SPELLINGS[kind](value).replace("-", "\N{MINUS SIGN}")


def is_defined(value: float | None) -> TypeGuard[float]:
    """Return whether there is a number to show."""
    return value is not None and math.isfinite(value)


def _signed(value: float, digits: int) -> str:
    # a difference that rounds to nothing has no sign
    return f"{value:{'+' if round(value, digits) else 'z'}.{digits}f}"


_SPELLINGS: dict[Kind, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "rate": lambda value: f"{value:.1%}",
    "score": lambda value: f"{value:.3f}",
    "points": lambda value: f"{_signed(100 * value, 1)} points",
    "gain": lambda value: _signed(value, 3),
    "p_value": lambda value: "below 0.001" if value < 0.001 else f"{value:.3f}",
}

METRICS: Numbers = {
    "auroc": ("AUROC (how often a blast scores above a normal cell)", "score"),
    "sensitivity": ("sensitivity (blasts called blasts)", "rate"),
    "specificity": ("specificity (normal cells called normal)", "rate"),
    "false_positive_rate": ("false positive rate (normal cells called blasts)", "rate"),
    "accuracy": ("accuracy (calls that are right)", "rate"),
    "balanced_accuracy": ("balanced accuracy (mean of sensitivity and specificity)", "rate"),
    "precision_all": ("precision of blasts (called blasts that are)", "rate"),
    "precision_hem": ("precision of normal cells (called normal that are)", "rate"),
    "f1_all": ("F1 score of blasts", "score"),
    "f1_weighted": ("F1 score, weighted over both classes", "score"),
    "brier": ("Brier score (squared error of the probability; lower is better)", "score"),
}
"""The metrics that are shown, the most telling first."""


def explain_undefined(confusion: Mapping[str, int]) -> dict[str, str]:
    """Explain for each metric why it may have no value on cells with these counts of calls."""
    negatives, false_alarms, misses, hits = (
        confusion[name] for name in ("true_negatives", "false_positives", "false_negatives", "true_positives")
    )
    if not sum(confusion.values()):
        return dict.fromkeys(METRICS, "there are no cells")
    blasts = "" if misses + hits else "these cells include no blasts"
    normal = "" if negatives + false_alarms else "these cells include no normal ones"
    reasons = {"sensitivity": blasts, "f1_all": blasts, "specificity": normal, "false_positive_rate": normal}
    reasons |= dict.fromkeys(("auroc", "balanced_accuracy"), blasts or normal)
    reasons["precision_all"] = "" if false_alarms + hits else "no cell was called a blast"
    reasons["precision_hem"] = "" if negatives + misses else "no cell was called normal"
    return {metric: reasons.get(metric) or "it was not computed" for metric in METRICS}
