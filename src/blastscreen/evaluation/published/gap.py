"""How far two models are apart by their printed tables."""

import math
from collections.abc import Mapping
from typing import Any

from statsmodels.stats.proportion import proportions_ztest

from blastscreen.evaluation.published.facts import Comparison, Facts
from blastscreen.evaluation.published.outcome import Check, capitalise, join, places, words
from blastscreen.evaluation.published.tables import PARTS, ReadTable, rate

IGNORES = "that both models saw the same cells, and that cells of one subject are alike"
"""What an unpaired test of proportions leaves out of account."""

Tables = Mapping[tuple[str, str], ReadTable]


def describe_gaps(facts: Facts, tables: Tables) -> list[dict[str, Any]]:
    """Test the difference of two models' rates as if of unrelated cells.

    Args:
        facts: Their comparisons are done where both tables are there.
        tables: By model and split; their consistent counts are compared.

    Returns:
        Per comparison: quantity, split, models, the counts behind the two rates, difference (first less second),
        printed_difference (None unless both are stated), z, p_value and what the test ignores. z and p_value are None
        where both rates are 0 or both 1.
    """
    return [_describe_gap(facts, entry, tables) for entry in _comparable(facts, tables)]


def _comparable(facts: Facts, tables: Tables) -> list[Comparison]:
    return [
        entry
        for entry in facts.relations.comparisons
        if all((model, entry.split) in tables and _rate(entry, tables, model) is not None for model in entry.models)
    ]


def _rate(entry: Comparison, tables: Tables, model: str) -> float | None:
    return rate(entry.quantity, tables[model, entry.split].consistent)


def _difference(entry: Comparison, tables: Tables) -> float:
    first, second = (_rate(entry, tables, model) or 0.0 for model in entry.models)
    return first - second


def _describe_gap(facts: Facts, entry: Comparison, tables: Tables) -> dict[str, Any]:
    pairs = [PARTS[entry.quantity](tables[model, entry.split].consistent) for model in entry.models]
    parts, wholes = [part for part, _ in pairs], [whole for _, whole in pairs]
    testable = 0 < sum(parts) < sum(wholes)
    z, p_value = map(float, proportions_ztest(parts, wholes)) if testable else (None, None)
    printed = _printed_difference(facts, entry)
    return {
        "quantity": entry.quantity,
        "split": str(entry.split),
        "models": list(entry.models),
        "counts": {
            model: {"count": part, "of": whole} for model, (part, whole) in zip(entry.models, pairs, strict=True)
        },
        "difference": _difference(entry, tables),
        "printed_difference": None if printed is None else printed[0],
        "z": z,
        "p_value": p_value,
        "ignores": IGNORES,
    }


def _printed_difference(facts: Facts, entry: Comparison) -> tuple[float, float] | None:
    """Return the difference of the most precise statements, and how far their rounding may have moved it."""
    stated = [facts.statements_of(f"{model}.{entry.split}.{entry.quantity}") for model in entry.models]
    if not all(stated):
        return None
    first, second = (found[0].number for found in stated)
    return first.value - second.value, first.tolerance + second.tolerance


def check_gaps(facts: Facts, tables: Tables, contradictions: list[Check]) -> list[Check]:
    """Compare the difference of two stated rates with that of the tables.

    Args:
        facts: The comparisons, and the statements they are about.
        tables: By model and split.
        contradictions: Those found among the statements, which a contradiction found here follows from.
    """
    stated = [entry for entry in _comparable(facts, tables) if _printed_difference(facts, entry)]
    return [_check_gap(facts, entry, tables, contradictions) for entry in stated]


def _check_gap(facts: Facts, entry: Comparison, tables: Tables, contradictions: list[Check]) -> Check:
    printed, tolerance = _printed_difference(facts, entry) or (math.nan, 0.0)
    keys = [f"{model}.{entry.split}.{entry.quantity}" for model in entry.models]
    found = [facts.statements_of(key)[0] for key in keys]
    computed = _difference(entry, tables)
    sound = abs(printed - computed) <= tolerance + 1e-9
    sources = tuple(tables[model, entry.split].table.where for model in entry.models)
    text = (
        f"{capitalise(words(entry.quantity))}: {join([one.printed for one in found])} put the "
        f"{join([facts.models[model] for model in entry.models])} {abs(printed) * 100:.1f} points apart, "
        f"{join(sources)} {abs(computed) * 100:.1f}."
    )
    return Check(
        id=f"gap.{entry.split}.{entry.quantity}",
        kind="gap",
        agrees=sound,
        where=(*places(found), *sources),
        printed=printed,
        recomputed=computed,
        consistent_value=None if sound else computed,
        follows_from=tuple(one.id for one in contradictions if any(one.id.startswith(f"{key}.") for key in keys)),
        text=text,
    )
