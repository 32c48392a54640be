"""The form that a publication's numbers are written down in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from blastscreen.evaluation.confusion import Confusion
from blastscreen.evaluation.published.numbers import Number, read_number
from blastscreen.vocabulary import Split

Words = Annotated[tuple[str, ...], Field(min_length=1)]


def _require_number(printed: str) -> str:
    read_number(printed)
    return printed


Printed = Annotated[str, AfterValidator(_require_number)]
QUANTITIES = "stated_quantities"
"""Name of the list that nobody writes down: the quantities that statements give."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Citation(_Fact):
    """Who published the numbers, and where."""

    authors: Words
    title: str
    journal: str
    doi: str


class Statement(_Fact):
    """One number as printed, of one thing, in one or several places."""

    quantity: str
    printed: Printed
    where: Words
    model: str | None = None
    split: Split | None = None
    of: str | None = None

    @property
    def key(self) -> str:
        """Return the name under which relations know it."""
        return ".".join(part for part in (self.model, self.split, self.quantity, self.of) if part)

    @property
    def number(self) -> Number:
        """Return the number that is printed."""
        return read_number(self.printed)


class PrintedCounts(_Fact):
    """The four counts of a confusion matrix, as printed."""

    true_negatives: Printed
    false_positives: Printed
    false_negatives: Printed
    true_positives: Printed


class Table(_Fact):
    """One printed confusion matrix."""

    where: str
    model: str
    split: Split
    printed: PrintedCounts

    @property
    def counts(self) -> Confusion:
        """Return the four counts."""
        return Confusion(**{cell: int(read_number(text).value) for cell, text in self.printed.model_dump().items()})


class Ranking(_Fact):
    """Importances in the order in which they are given, percent."""

    where: Words
    printed: dict[str, Printed] = Field(min_length=1)


class Listing(_Fact):
    """Things that are enumerated in one place."""

    where: Words
    items: Words


class Sum(_Fact):
    """Parts make up a whole."""

    whole: str
    parts: Words


class Quotient(_Fact):
    """A part divided by a whole."""

    quotient: str
    part: str
    whole: str


class Extreme(_Fact):
    """The lowest or highest of several."""

    extreme: str
    which: Literal["lowest", "highest"]
    parts: Words


class Length(_Fact):
    """A list has as many items as a statement says."""

    count: str
    items: str


class Inclusion(_Fact):
    """Every item of one list is in another."""

    id: str
    items: str
    within: str


class Implication(_Fact):
    """What is claimed makes one count larger than another."""

    id: str
    claim: str
    where: Words
    larger: str
    than: str


class Reference(_Fact):
    """What a stated number is when it is counted in the data."""

    id: str
    stated: str
    counted: int
    of: str
    source: str


class Comparison(_Fact):
    """Two models side by side."""

    quantity: str
    split: Split
    models: tuple[str, str]


class Relations(_Fact):
    """What must hold between statements and lists, which are named by their keys."""

    sums: tuple[Sum, ...] = ()
    quotients: tuple[Quotient, ...] = ()
    extremes: tuple[Extreme, ...] = ()
    lengths: tuple[Length, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()
    implications: tuple[Implication, ...] = ()
    references: tuple[Reference, ...] = ()
    comparisons: tuple[Comparison, ...] = ()


class Facts(_Fact):
    """All that was written down of one publication."""

    citation: Citation
    models: dict[str, str]
    statements: tuple[Statement, ...]
    tables: tuple[Table, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    lists: dict[str, Listing] = {}
    relations: Relations = Relations()

    @model_validator(mode="after")
    def _know_every_name(self) -> "Facts":
        keys = {statement.key for statement in self.statements}
        known = {"statement": keys, "list": {*self.listings, QUANTITIES}, "model": set(self.models)}
        unknown = [f"{kind} {name!r}" for kind, name in self._names() if name not in known[kind]]
        if unknown:
            raise ValueError(f"no entry has the name of: {', '.join(unknown)}")
        if len({(table.model, table.split) for table in self.tables}) < len(self.tables):
            raise ValueError("a model has two tables of one split; keep one")
        empty = [
            entry.whole for entry in self.relations.quotients if not self.statements_of(entry.whole)[0].number.value
        ]
        if empty:
            raise ValueError(f"quotients can't have a whole of 0: {', '.join(empty)}")
        return self

    def _names(self) -> list[tuple[str, str]]:
        """List every name that relations, tables and statements refer to, with its kind."""
        related = self.relations
        keys = [
            *(key for entry in related.sums for key in (entry.whole, *entry.parts)),
            *(key for entry in related.quotients for key in (entry.quotient, entry.part, entry.whole)),
            *(key for entry in related.extremes for key in (entry.extreme, *entry.parts)),
            *(entry.count for entry in related.lengths),
            *(key for entry in related.implications for key in (entry.larger, entry.than)),
            *(entry.stated for entry in related.references),
        ]
        lists = [*(entry.items for entry in related.lengths)]
        lists += [name for entry in related.inclusions for name in (entry.items, entry.within)]
        models = [table.model for table in self.tables] + [entry.model for entry in self.statements if entry.model]
        models += [model for entry in related.comparisons for model in entry.models]
        return [
            (kind, name) for kind, names in (("statement", keys), ("list", lists), ("model", models)) for name in names
        ]

    @property
    def listings(self) -> dict[str, Listing]:
        """Return the lists, the rankings among them under the first of their places."""
        ranked = {entry.where[0]: Listing(where=entry.where, items=tuple(entry.printed)) for entry in self.rankings}
        return {**self.lists, **ranked}

    def statements_of(self, key: str) -> list[Statement]:
        """Return what is stated under a key, the most precise first."""
        return sorted(
            (entry for entry in self.statements if entry.key == key), key=lambda entry: entry.number.tolerance
        )


def read_facts(facts: Mapping[str, Any]) -> Facts:
    """Check the form of a publication's facts.

    Raises:
        ValueError: An entry has the wrong form, or refers to another that is not there; all of them are named.
    """
    try:
        return Facts.model_validate(facts)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc'])) or 'relations'}: {one['msg']}" for one in error.errors()]
        raise ValueError(f"published_numbers can't be used; correct these entries: {'; '.join(problems)}") from None
