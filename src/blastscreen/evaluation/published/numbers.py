"""How a printed number is read, compared and written."""

import re
from typing import NamedTuple

_PRINTED = re.compile(r"(?P<digits>\d[\d,]*(?:\.(?P<decimals>\d+))?)(?P<unit>%|:1)?")
_SPELLED = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


class Number(NamedTuple):
    """A printed number: its value (a percentage as a share) and how far rounding may have moved it."""

    value: float
    tolerance: float


def read_number(printed: str) -> Number:
    """Read a number as it stands in print.

    Args:
        printed: "1,600", "85%", "35.76%", "2:1", "0.001", or "one" to "five". Whole numbers without a unit are counts,
            and exact.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> read_number("1,600")
        Number(value=1600.0, tolerance=0.0)
        >>> read_number("2:1")
        Number(value=2.0, tolerance=0.5)
    """
    if printed in _SPELLED:
        return Number(float(_SPELLED[printed]), 0.0)
    found = _PRINTED.fullmatch(printed)
    if found is None:
        raise ValueError(f"{printed!r} can't be read as a number; write it as printed, such as '1,600' or '35.76%'")
    exact = found["decimals"] is None and found["unit"] is None
    unit = 0.01 if found["unit"] == "%" else 1.0
    half_a_digit = 0.0 if exact else 0.5 * 10.0 ** -len(found["decimals"] or "")
    return Number(float(found["digits"].replace(",", "")) * unit, half_a_digit * unit)


def agrees(number: Number, value: float) -> bool:
    """Say whether a value rounds to the printed number; either way where it lies on the border."""
    return abs(number.value - value) <= number.tolerance + 1e-9


def spell(value: float, *, like: str) -> str:
    """Write a value with the unit and decimals of a printed number.

    Example:
        >>> spell(174 / 509, like="35.76%")
        '34.18%'
    """
    found = _PRINTED.fullmatch(like)
    decimals = len(found["decimals"] or "") if found else 0
    if found and found["unit"] == "%":
        return f"{value:.{decimals}%}"
    return f"{value:,.{decimals}f}" + (":1" if found and found["unit"] else "")
