"""Where every number comes from: entries and versions, code, libraries, seeds and parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table


def describe_provenance(study: Study, environment: Mapping[str, Any]) -> dict[str, Any]:
    """Tabulate what the report was made of.

    Args:
        study: The results.
        environment: Result of `blastscreen.manifest.describe_environment`.
    """
    parameters = dict(_flatten(study.parameters))
    git = environment["git"]
    return {
        "version": environment["libraries"]["blastscreen"],
        "commit": git["commit"],
        "modified": git["modified"],
        "entries": _tabulate_entries(study),
        "unversioned": [source.entry for source in study.sources(*sorted(study.entries)) if not source.version],
        "software": _tabulate(
            "Software that wrote this report",
            ("name", "version"),
            {"Python": environment["python"], "system": environment["platform"], **environment["libraries"]},
        ),
        "seeds": {name: value for name, value in parameters.items() if name.split(".")[-1] == "seed"},
        "parameters": _tabulate("Parameters of the run that wrote this report", ("parameter", "value"), parameters),
    }


def describe_checklist(study: Study) -> Table | None:
    """Tabulate where each item of the reporting guidelines stands; None without the list."""
    found = study.get("reporting_checklist")
    if found is None:
        return None
    return make_table(
        "Where each item of the reporting guidelines stands",
        unit="items of the guidelines, in our words",
        sources=study.sources("reporting_checklist"),
        columns=["item", "topic", "status", "where", "note"],
        rows=[
            [
                f"{item['guideline']} {item['item']}",
                *(_write(item[part]) for part in ("topic", "status", "where", "note")),
            ]
            for item in found
        ],
    )


def _tabulate_entries(study: Study) -> Table:
    sources = [source for source in study.sources(*sorted(study.entries)) if source.version]
    return make_table(
        "Catalog entries that the numbers come from",
        unit="one entry per line",
        sources=(),
        columns=["entry", "version"],
        rows=[[source.entry, source.version] for source in sources],
    )


def _tabulate(title: str, columns: tuple[str, str], values: Mapping[str, object]) -> Table:
    rows = [[name, _write(value)] for name, value in values.items()]
    return make_table(title, unit="", sources=(), columns=columns, rows=rows)


def _write(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_write(item) for item in value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _flatten(values: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _flatten(value, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, values
