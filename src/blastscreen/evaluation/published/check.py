"""All checks of a publication's numbers together."""

from collections.abc import Mapping
from typing import Any

from blastscreen.evaluation.confusion import describe_calls
from blastscreen.evaluation.published.facts import Facts, read_facts
from blastscreen.evaluation.published.gap import check_gaps, describe_gaps
from blastscreen.evaluation.published.outcome import Check
from blastscreen.evaluation.published.rankings import check_rankings
from blastscreen.evaluation.published.relations import check_relations
from blastscreen.evaluation.published.tables import ReadTable, check_statements, check_table, holds, read_table


def check_published(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Recompute what a publication prints, and list what agrees and what does not.

    A rate agrees when it rounds to the printed digits. Where a table and the text disagree, the counts that agree with
    most of what is printed are searched among all tables with the class totals of the split; rates are recomputed from
    them.

    Args:
        facts: citation, models, statements, tables, rankings, lists and relations, as in
            `src/blastscreen/report/published_numbers.yml`.

    Returns:
        citation; n_checked; contradictions and agreements, each with id, kind, where, printed, recomputed,
        consistent_value (what would agree; None where nothing printed decides it), follows_from, breaks and a text;
        rates per model, split and metric, printed and recomputed; tables with printed and consistent counts; gap, the
        differences between the models with unpaired z tests. Plain values, ready for JSON.

    Raises:
        ValueError: An entry of the facts has the wrong form, or names another that is not there.
    """
    known = read_facts(facts)
    tables = {(table.model, str(table.split)): read_table(known, table) for table in known.tables}
    checks = _check_everything(known, tables)
    contradictions = [_describe(check) for check in checks if not check.agrees]
    agreements = [_describe(check) for check in checks if check.agrees]
    return {
        "citation": known.citation.model_dump(mode="json"),
        "n_checked": len(checks),
        "contradictions": contradictions,
        "agreements": agreements,
        "rates": _describe_rates(tables),
        "tables": [_describe_table(read) for read in tables.values()],
        "gap": describe_gaps(known, tables),
    }


def _check_everything(facts: Facts, tables: Mapping[tuple[str, str], ReadTable]) -> list[Check]:
    checks = [check_table(facts, read) for read in tables.values()]
    checks += [check for read in tables.values() for check in check_statements(facts, read)]
    contradictions = [check for check in checks if not check.agrees]
    return checks + check_gaps(facts, tables, contradictions) + check_rankings(facts) + check_relations(facts)


def _describe(check: Check) -> dict[str, Any]:
    described = check._asdict()
    del described["agrees"]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in described.items()}


def _describe_rates(tables: Mapping[tuple[str, str], ReadTable]) -> dict[str, dict[str, dict[str, Any]]]:
    rates: dict[str, dict[str, dict[str, Any]]] = {}
    for (model, split), read in tables.items():
        rates.setdefault(model, {})[split] = {
            metric: {"recomputed": value, "printed": _describe_printed(read, metric)}
            for metric, value in describe_calls(read.consistent).items()
        }
    return rates


def _describe_printed(read: ReadTable, metric: str) -> list[dict[str, Any]]:
    return [
        {
            "text": entry.printed,
            "value": entry.number.value,
            "agrees": bool(holds(entry.quantity, entry.number, read.consistent)),
            "where": list(entry.where),
        }
        for entry in read.statements
        if entry.quantity == metric
    ]


def _describe_table(read: ReadTable) -> dict[str, Any]:
    return {
        "where": read.table.where,
        "model": read.table.model,
        "split": str(read.table.split),
        "printed": read.table.counts._asdict(),
        "consistent": read.consistent._asdict(),
        "n_solutions": read.n_solutions,
    }
