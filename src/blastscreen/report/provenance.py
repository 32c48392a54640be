"""Where every number comes from: entries and versions, code, libraries, seeds and parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from blastscreen.report.study import UNKNOWN, Run, Study
from blastscreen.report.tables import Table, make_table


def describe_provenance(study: Study, environment: Mapping[str, Any]) -> dict[str, Any]:
    """Tabulate what the report was made of.

    Args:
        study: The results.
        environment: Result of `blastscreen.compute.environment.describe_environment`.
    """
    git = environment["git"]
    runs = _list_runs(study)
    settings = {name: None if run.parameters is None else dict(_flatten(run.parameters)) for name, run in runs.items()}
    return {
        "version": environment["libraries"]["blastscreen"],
        "commit": git["commit"],
        "modified": git["modified"],
        "entries": _tabulate_entries(study),
        "unversioned": [source.entry for source in study.sources(*sorted(study.entries)) if not source.version],
        "makers": _describe_makers(study),
        "software": _tabulate_runs(
            "Software of each run",
            "name",
            {name: _software(environment if run.is_current else run.environment) for name, run in runs.items()},
        ),
        "seeds": _describe_seeds(settings),
        "parameters": _tabulate_runs("Parameters of each run", "parameter", settings),
    }


def _list_runs(study: Study) -> dict[str, Run]:
    """Name the runs that made models and split, and the one that writes the report."""
    found = [*study.model_runs.values(), study.run_of("cell_splits"), study.current_run]
    return {_name_run(run): run for run in found}


def _name_run(run: Run) -> str:
    return f"this run {run.version}".strip() if run.is_current else f"run {run.version}"


def _describe_makers(study: Study) -> list[str]:
    """Say which run made each model and the split, and with which code."""
    makers = {f"The {name}": study.model_runs[model] for model, name in study.models.items()}
    makers["The split"] = study.run_of("cell_splits")
    return [f"{what} was made by {_name_run(run)}{_name_code(run)}." for what, run in makers.items()]


def _name_code(run: Run) -> str:
    if run.is_current:
        return ""
    if run.environment is None:
        return ", which left no manifest: its settings and its code are unknown"
    git = run.environment.get("git") or {}
    changes = " with local changes" if git.get("modified") else ""
    return f", commit {git.get('commit') or UNKNOWN}{changes}"


def _describe_seeds(settings: Mapping[str, Mapping[str, object] | None]) -> list[str]:
    return [
        f"{run}: {UNKNOWN}"
        if values is None
        else f"{run}: "
        + ", ".join(f"{name} {value}" for name, value in values.items() if name.split(".")[-1] == "seed")
        for run, values in settings.items()
    ]


def _software(environment: Mapping[str, Any] | None) -> dict[str, object] | None:
    if environment is None:
        return None
    libraries = {name: version or "not installed" for name, version in environment["libraries"].items()}
    return {"Python": environment["python"], "system": environment["platform"], **libraries}


def describe_checklist(study: Study) -> Table | None:
    """Tabulate where each item of the reporting guidelines stands; None without the list."""
    found = study.get("reporting_checklist")
    if found is None:
        return None
    return make_table(
        "Where each item of the reporting guidelines stands",
        unit="items of the guidelines, in our words, as they stand for a study of C-NMC",
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


def _tabulate_runs(title: str, what: str, values: Mapping[str, Mapping[str, object] | None]) -> Table:
    """Give each run a column; one that left no manifest has unknown values."""
    names = dict.fromkeys(name for found in values.values() for name in found or ())
    rows = [
        [name, *(UNKNOWN if found is None else _write(found.get(name, "not there")) for found in values.values())]
        for name in names
    ]
    return make_table(title, unit="", sources=(), columns=[what, *values], rows=rows)


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
