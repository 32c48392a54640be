"""What becomes of one comparison, and how it is told."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from blastscreen.evaluation.published.facts import Statement


class Check(NamedTuple):
    """One comparison of what is printed with what follows from other printed numbers, or from the data."""

    id: str
    kind: str
    agrees: bool
    where: tuple[str, ...]
    printed: Any
    recomputed: Any
    text: str
    consistent_value: Any = None
    """What would have to stand there; None where nothing printed decides that."""
    follows_from: tuple[str, ...] = ()
    """Contradictions without which this one would not be."""
    breaks: tuple[str, ...] = ()
    """What is wrong with it, where one explanation covers several things."""


def places(statements: Iterable[Statement]) -> tuple[str, ...]:
    """Return where statements stand, each place once, in order."""
    return tuple(dict.fromkeys(place for statement in statements for place in statement.where))


def words(name: str) -> str:
    """Write an identifier for readers."""
    return name.replace("_", " ")


def join(items: Sequence[str]) -> str:
    """Enumerate in a sentence: "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def capitalise(text: str) -> str:
    """Begin a sentence, leaving the rest as it is."""
    return text[:1].upper() + text[1:]
