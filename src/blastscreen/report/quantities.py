"""Numbers as they are shown: rounded alike everywhere, with their interval, or with the reason why there is none."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

Kind = Literal["count", "rate", "score", "points", "gain", "p_value"]

NO_INTERVAL = "no interval"
"""Note on a number that should have one; tables explain it."""


@dataclass(frozen=True)
class Quantity:
    """A number and all that is shown of it.

    `name` says what it is in dots (`rf.test.sensitivity`), `text` is the rounded value or "not defined", `range` the
    rounded interval or "", `note` why the value or the interval is missing, or "".
    """

    name: str
    text: str
    value: float | None
    low: float | None = None
    high: float | None = None
    range: str = ""
    note: str = ""


def quantity(
    value: float | None,
    *,
    kind: Kind,
    name: str,
    interval: Mapping[str, Any] | None = None,
    undefined: str = "",
    no_interval: str = "",
) -> Quantity:
    """Round a number for reading.

    Args:
        value: None or not finite where it is not defined.
        kind: count, rate (0 to 1, shown in percent), score (three decimals), points (difference of rates, shown in
            percentage points), gain (difference of scores), or p_value.
        name: What it is, in dots; not shown.
        interval: low and high, in the unit of the value.
        undefined: Why the value is not defined, if it is not.
        no_interval: Why the interval is missing, if one is wanted and it is.

    Example:
        >>> shown = quantity(0.912, kind="rate", name="", interval={"low": 0.83, "high": 0.961})
        >>> shown.text, shown.range
        ('91.2%', '83.0 to 96.1')
    """
    if not is_defined(value):
        return Quantity(name=name, text="not defined", value=None, note=undefined)
    text = spell(value, kind=kind)
    if interval is None or not (is_defined(interval["low"]) and is_defined(interval["high"])):
        return Quantity(name=name, text=text, value=value, note=no_interval)
    low, high = interval["low"], interval["high"]
    bounds = " to ".join(_without_unit(spell(bound, kind=kind)) for bound in (low, high))
    return Quantity(name=name, text=text, value=value, low=low, high=high, range=bounds)


def spell(value: float, *, kind: Kind) -> str:
    """Round and write a finite number; see `quantity` for the kinds."""
    return _SPELLINGS[kind](value).replace("-", "\N{MINUS SIGN}")


def is_defined(value: float | None) -> TypeGuard[float]:
    """Tell whether there is a number to show."""
    return value is not None and math.isfinite(value)


def _without_unit(text: str) -> str:
    return text.removesuffix("%").removesuffix(" points")


def _spell_p_value(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _signed(value: float, digits: int) -> str:
    # a difference that rounds to nothing has no sign
    return f"{round(value, digits) or 0.0:+.{digits}f}".replace("+0." + "0" * digits, "0." + "0" * digits)


_SPELLINGS: dict[Kind, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "rate": lambda value: f"{value:.1%}",
    "score": lambda value: f"{value:.3f}",
    "points": lambda value: f"{_signed(100 * value, 1)} points",
    "gain": lambda value: _signed(value, 3),
    "p_value": _spell_p_value,
}
