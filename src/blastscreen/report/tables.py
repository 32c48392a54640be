"""Tables as data; one template writes them all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blastscreen.report.quantities import NO_INTERVAL, Quantity
from blastscreen.report.study import Source

Cell = str | Quantity


@dataclass(frozen=True)
class Table:
    """A title, the unit of what is counted or rated, where the numbers come from, and rows led by their names."""

    title: str
    unit: str
    sources: tuple[Source, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def lacks_intervals(self) -> bool:
        """Whether a number lacks the interval that it should have."""
        return any(isinstance(cell, Quantity) and cell.note == NO_INTERVAL for row in self.rows for cell in row)


def make_table(
    title: str, *, unit: str, sources: tuple[Source, ...], columns: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> Table:
    """Make a table of rows that have a cell for every column, the first of which names the row.

    Raises:
        ValueError: A row is longer or shorter than the head.
    """
    table = Table(title, unit, sources, tuple(columns), tuple(tuple(row) for row in rows))
    for row in table.rows:
        if len(row) != len(table.columns):
            raise ValueError(f"table '{title}': a row has {len(row)} cells for {len(table.columns)} columns: {row[0]}")
    return table
