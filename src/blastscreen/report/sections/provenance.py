"""Where every number comes from: entries and versions, code, libraries, seeds and parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import blastscreen
from blastscreen.compute.environment import describe_environment
from blastscreen.parameters import flatten
from blastscreen.report.results import UNKNOWN, Results, Run
from blastscreen.report.shown import Row, Table

Values = Mapping[str, object] | None
"""What is known of a run; None where it left no manifest."""


def describe_provenance(results: Results) -> dict[str, Any]:
    """Tabulate what the report was made of."""
    here: Mapping[str, Any] = describe_environment(Path(blastscreen.__file__).parent)
    sources = results.sources(*sorted(results.versions))
    makers = {f"The {model.title}": results.model_runs[name] for name, model in results.models.items()}
    makers["The split"] = results.split_run
    runs = {run.name: run for run in (*makers.values(), results.find_run(""))}
    settings = {name: run.parameters and flatten(run.parameters) for name, run in runs.items()}
    software = {name: _list_software(here if run.is_current else run.manifest) for name, run in runs.items()}
    versions: list[Row] = [{"entry": source.entry, "version": source.version} for source in sources if source.version]
    return {
        "version": here["libraries"]["blastscreen"],
        **{name: here["git"][name] for name in ("commit", "modified")},
        "entries": Table("Catalog entries that the numbers come from", versions, unit="one entry per line"),
        "unversioned": [source.entry for source in sources if not source.version],
        "makers": [f"{what} was made by {run.name}{_describe_code(run)}." for what, run in makers.items()],
        "software": _tabulate_runs("Software of each run", "name", software),
        "seeds": [f"{name}: {_list_seeds(values)}" for name, values in settings.items()],
        "parameters": _tabulate_runs("Parameters of each run", "parameter", settings),
        "strategy": ((results.split_run.parameters or {}).get("splits") or {}).get("strategy", UNKNOWN),
    }


def _describe_code(run: Run) -> str:
    if run.is_current:
        return ""
    if run.manifest is None:
        return ", which left no manifest: its settings and its code are unknown"
    git = run.manifest.get("git") or {}
    return f", commit {git.get('commit') or UNKNOWN}{' with local changes' if git.get('modified') else ''}"


def _list_seeds(values: Values) -> str:
    if values is None:
        return UNKNOWN
    return ", ".join(f"{name} {value}" for name, value in values.items() if name.split(".")[-1] == "seed")


def _list_software(environment: Mapping[str, Any] | None) -> Values:
    if environment is None:
        return None
    libraries = {name: version or "not installed" for name, version in environment["libraries"].items()}
    return {"Python": environment["python"], "system": environment["platform"], **libraries}


def _tabulate_runs(title: str, heading: str, runs: Mapping[str, Values]) -> Table:
    """Tabulate values by name, with a column for each run."""
    names = dict.fromkeys(name for values in runs.values() for name in values or ())
    rows: list[Row] = [
        {
            heading: name,
            **{run: UNKNOWN if of is None else _write(of.get(name, "not there")) for run, of in runs.items()},
        }
        for name in names
    ]
    return Table(title, rows)


def _write(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_write(item) for item in value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def describe_checklist(results: Results) -> Table | None:
    """Tabulate where each item of the reporting guidelines stands."""
    if results.reporting_checklist is None:
        return None
    parts = ("topic", "status", "where", "note")
    rows: list[Row] = [
        {"item": f"{item['guideline']} {item['item']}", **{part: _write(item[part]) for part in parts}}
        for item in results.reporting_checklist
    ]
    unit = "items of the guidelines, in our words, as they stand for a study of C-NMC"
    sources = results.sources("reporting_checklist")
    return Table("Where each item of the reporting guidelines stands", rows, unit=unit, sources=sources)
