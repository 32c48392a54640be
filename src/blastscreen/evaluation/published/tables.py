"""Printed confusion matrices: what they say, and which counts would agree with most of what is printed."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.evaluation.confusion import Confusion
from blastscreen.evaluation.published.facts import Facts, Statement, Table
from blastscreen.evaluation.published.numbers import Number, agrees, spell
from blastscreen.evaluation.published.outcome import Check, capitalise, join, words
from blastscreen.vocabulary import CellLabel, Split

Parts = Callable[[Confusion], tuple[Any, Any]]
PARTS: dict[str, Parts] = {
    "accuracy": lambda c: (c.true_negatives + c.true_positives, sum(c)),
    "sensitivity": lambda c: (c.true_positives, c.true_positives + c.false_negatives),
    "false_negative_rate": lambda c: (c.false_negatives, c.true_positives + c.false_negatives),
    "specificity": lambda c: (c.true_negatives, c.true_negatives + c.false_positives),
    "false_positive_rate": lambda c: (c.false_positives, c.true_negatives + c.false_positives),
    "precision_all": lambda c: (c.true_positives, c.true_positives + c.false_positives),
    "precision_hem": lambda c: (c.true_negatives, c.true_negatives + c.false_negatives),
    "f1_all": lambda c: (2 * c.true_positives, 2 * c.true_positives + c.false_positives + c.false_negatives),
}
"""Each rate as what it counts and out of what; for numbers and for arrays of counts alike."""
_OUT_OF_CLASSES = ("accuracy", "sensitivity", "false_negative_rate", "specificity", "false_positive_rate")


class ReadTable(NamedTuple):
    """A printed table, the statements about its calls, and the counts that agree with most of both."""

    table: Table
    statements: tuple[Statement, ...]
    consistent: Confusion
    n_solutions: int


def read_table(facts: Facts, table: Table) -> ReadTable:
    """Search the counts that agree with most of what is printed about a model's calls.

    All tables with the class totals of the split are tried. A printed cell and a statement count one each. Of several
    tables that agree with equally many the one nearest to print is taken.
    """
    about = tuple(
        entry
        for entry in facts.statements
        if (entry.model, entry.split) == (table.model, table.split)
        and entry.quantity in (*PARTS, *Confusion._fields)
        and entry.of is None
    )
    totals = class_totals(facts, table.split)
    if totals is None:
        return ReadTable(table, about, table.counts, 1)
    n_hem, n_all = totals
    true_negatives, true_positives = np.arange(n_hem + 1)[:, None], np.arange(n_all + 1)[None, :]
    tried = Confusion(true_negatives, n_hem - true_negatives, n_all - true_positives, true_positives)  # type: ignore[arg-type]
    printed = [(cell, Number(float(count), 0.0)) for cell, count in table.counts._asdict().items()]
    printed += [(entry.quantity, entry.number) for entry in about]
    n_kept = np.zeros((n_hem + 1, n_all + 1), dtype=np.int64)
    for quantity, number in printed:
        n_kept += holds(quantity, number, tried)
    found = np.argwhere(n_kept == n_kept.max())
    solutions = [Confusion(int(n), n_hem - int(n), n_all - int(p), int(p)) for n, p in found]
    nearest = min(solutions, key=lambda counts: sum(abs(a - b) for a, b in zip(counts, table.counts, strict=True)))
    return ReadTable(table, about, nearest, len(solutions))


def holds(quantity: str, number: Number, counts: Confusion) -> NDArray[np.bool_]:
    """Say whether a printed count or rate agrees with counts, which may be arrays."""
    if quantity in Confusion._fields:
        return np.asarray(getattr(counts, quantity) == number.value)
    part, whole = PARTS[quantity](counts)
    # multiplied out, so that an empty whole needs no division; nothing agrees with it
    return np.asarray((whole > 0) & (np.abs(part - number.value * whole) <= (number.tolerance + 1e-9) * whole))


def class_totals(facts: Facts, split: Split) -> tuple[int, int] | None:
    """Return the normal cells and the blasts of a split: as stated, else from a table's rows that sum to the split.

    Returns:
        None where nothing printed decides them.
    """
    stated = [facts.statements_of(f"{split}.n_cells.{label}") for label in (CellLabel.HEM, CellLabel.ALL)]
    if all(stated):
        return int(stated[0][0].number.value), int(stated[1][0].number.value)
    whole = facts.statements_of(f"{split}.n_cells")
    for table in facts.tables:
        if table.split == split and whole and agrees(whole[0].number, sum(table.counts)):
            return _rows(table.counts)
    return None


def _rows(counts: Confusion) -> tuple[int, int]:
    return counts.true_negatives + counts.false_positives, counts.true_positives + counts.false_negatives


def check_table(facts: Facts, read: ReadTable) -> Check:
    """Compare a printed table with the sizes of its split and with what the text says about the same calls."""
    table, printed = read.table, read.table.counts
    breaks = _broken_sums(facts, table)
    solved = read.consistent != printed
    if solved:
        breaks += _broken_statements(read)
    sound = not breaks
    text = f"{table.where} agrees with the size of the {table.split} set."
    if not sound:
        text = f"{table.where} does not fit what the text says: {'; '.join(breaks)}."
        if solved:
            text += f" {_tell_changes(facts, read)}"
    return Check(
        id=table.where.lower().replace(" ", "_"),
        kind="table",
        agrees=sound,
        where=(table.where,),
        printed=table.printed.model_dump(),
        recomputed={"sum": sum(printed), "hem": _rows(printed)[0], "all": _rows(printed)[1]},
        consistent_value={**read.consistent._asdict(), "n_solutions": read.n_solutions} if solved else None,
        breaks=tuple(breaks),
        text=text,
    )


def _broken_sums(facts: Facts, table: Table) -> list[str]:
    hem, blasts = _rows(table.counts)
    named = {
        f"{table.split}.n_cells": ("it sums to", hem + blasts),
        f"{table.split}.n_cells.hem": ("its normal cells sum to", hem),
        f"{table.split}.n_cells.all": ("its blasts sum to", blasts),
    }
    return [
        f"{says} {value:,}, not {entry.printed}"
        for key, (says, value) in named.items()
        for entry in facts.statements_of(key)
        if not agrees(entry.number, value)
    ]


def _broken_statements(read: ReadTable) -> list[str]:
    counts = read.table.counts
    broken = [
        entry
        for entry in sorted(read.statements, key=lambda entry: -entry.number.tolerance)
        if not holds(entry.quantity, entry.number, counts) and holds(entry.quantity, entry.number, read.consistent)
    ]
    # of several spellings of one rate the most precise, which comes last
    finest = {entry.quantity: entry for entry in broken}.values()
    return [f"it gives {words(one.quantity)} {_value(one, counts)}, not {one.printed}" for one in finest]


def _value(entry: Statement, counts: Confusion) -> str:
    if entry.quantity in Confusion._fields:
        return f"{getattr(counts, entry.quantity):,}"
    value = rate(entry.quantity, counts)
    return "nothing" if value is None else spell(value, like=entry.printed)


def rate(quantity: str, counts: Confusion) -> float | None:
    """Return a rate; None where it has nothing to be a share of."""
    part, whole = PARTS[quantity](counts)
    return part / whole if whole else None


def _tell_changes(facts: Facts, read: ReadTable) -> str:
    kept, changed = [], []
    for cell, now, then in zip(Confusion._fields, read.consistent, read.table.counts, strict=True):
        if now == then:
            kept.append(f"{words(cell)} {now:,}")
        else:
            changed.append(f"{words(cell)} {now:,} for {then:,}{_likely_slip(facts, read.table, cell, now, then)}")
    text = f"Most of what is printed agrees with {join(changed)}"
    text += f", leaving {join(kept)}" if kept else ""
    return text + (f" ({read.n_solutions} tables would do equally well)." if read.n_solutions > 1 else ".")


def _likely_slip(facts: Facts, table: Table, cell: str, now: int, then: int) -> str:
    """Say how a wrong cell may have come about: digits in another order, or the same cell of another table."""
    if sorted(str(now)) == sorted(str(then)):
        return " (the same digits in another order)"
    others = [one.where for one in facts.tables if one != table and getattr(one.counts, cell) == then]
    return f" (which stands in {join(others)})" if others else ""


def check_statements(facts: Facts, read: ReadTable) -> list[Check]:
    """Compare every count and rate that is stated with the table, as consistent as it can be made."""
    return [_check_statement(facts, read, entry) for entry in read.statements]


def _check_statement(facts: Facts, read: ReadTable, entry: Statement) -> Check:
    counts = read.consistent
    sound = bool(holds(entry.quantity, entry.number, counts))
    recomputed = (
        getattr(counts, entry.quantity) if entry.quantity in Confusion._fields else rate(entry.quantity, counts)
    )
    source = read.table.where + ("" if counts == read.table.counts else " as corrected")
    model = facts.models[read.table.model]
    head = f"{capitalise(words(entry.quantity))} of the {model} on {entry.split} cells: {entry.printed} in print"
    text = f"{head}, {_value(entry, counts)} by {source}"
    kind, behind = ("rate" if entry.quantity in PARTS else "count"), None
    if not sound:
        behind = _counts_behind(entry, counts)
        kind, remark = _explain(entry, counts, behind)
        text += remark
    return Check(
        id=f"{entry.key}.{entry.printed.rstrip('%').replace(',', '')}",
        kind=kind,
        agrees=sound,
        where=(*entry.where, read.table.where),
        printed=entry.printed,
        recomputed=recomputed,
        consistent_value=None if sound else {"printed": _value(entry, counts), "takes": behind},
        text=f"{text}.",
    )


def _counts_behind(entry: Statement, counts: Confusion) -> dict[str, int] | None:
    """Return which counts would give the printed rate; None where none does or its whole is no class total."""
    if entry.quantity not in _OUT_OF_CLASSES:
        return None
    whole = PARTS[entry.quantity](counts)[1]
    number = entry.number
    lowest = math.ceil((number.value - number.tolerance - 1e-9) * whole)
    highest = math.floor((number.value + number.tolerance + 1e-9) * whole)
    return {"lowest": lowest, "highest": highest, "of": whole} if lowest <= highest else None


def _explain(entry: Statement, counts: Confusion, behind: dict[str, int] | None) -> tuple[str, str]:
    """Return the kind of a contradiction and what is to be said about it."""
    kind, remark = ("rate" if entry.quantity in PARTS else "count"), ""
    if behind:
        lowest, highest = behind["lowest"], behind["highest"]
        takes = f"{lowest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
        remark = f"; {entry.printed} takes {takes} of {behind['of']:,} instead of {PARTS[entry.quantity](counts)[0]:,}"
    rounded = re.sub(r"\.0+(?=%?$)", "", entry.printed)
    if holds(entry.quantity, entry.model_copy(update={"printed": rounded}).number, counts):
        return "digits", f"{remark}. Rounded to {rounded} it agrees"
    return kind, remark
