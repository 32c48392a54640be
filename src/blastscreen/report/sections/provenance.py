"""Where every number comes from: files and cells, entries and versions, code, libraries, seeds and parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import blastscreen
from blastscreen.compute.environment import describe_environment
from blastscreen.parameters import flatten
from blastscreen.report.results import UNKNOWN, Results, Run
from blastscreen.report.shown import Numbers, Row, Table, show, show_row
from blastscreen.vocabulary import UNFIT_CODES, CellLabel, Split

Values = Mapping[str, object] | None
"""What is known of a run; None where it left no manifest."""
_COUNTS: Numbers = {
    "n_cells": ("cells", "count"),
    "n_subjects": ("subjects", "count"),
    "n_groups": ("subject groups", "count"),
    "n_all": ("blasts (ALL)", "count"),
    "n_all_subjects": ("subjects with blasts", "count"),
    "n_hem": ("normal cells (HEM)", "count"),
    "n_hem_subjects": ("subjects with normal cells", "count"),
}


def describe_flow(results: Results) -> dict[str, Any]:
    """Count cells from the incoming files to the splits, by the reasons for which some were left out or flagged."""
    report, features, cells = results.integrity_report, results.cell_features, results.cell_splits
    unmeasured = {} if features is None else features.loc[features["reasons"] != "", "reasons"].value_counts().to_dict()
    counts = {name: report[name] for name in ("n_files", "n_rejected", "n_duplicate", "n_review", "n_unfit")}
    counts |= {"n_kept": report["n_accepted"] + report["n_review"], "n_unmeasured": sum(unmeasured.values())}
    splits = {split: _count_cells(cells[cells["split"] == split]) for split in Split}
    table = [show_row(found, _COUNTS, f"cohort.{split}", first={"split": split}) for split, found in splits.items()]
    fates = {"rejected_reasons": "rejected", "review_reasons": "kept, for review"}
    reasons: list[Row] = [
        {
            "reason": reason,
            "what became of them": "kept, never decided alone" if reason in UNFIT_CODES else fate,
            "files": show(found["n_files"], "count", f"cohort.reasons.{reason}"),
            "for example": ", ".join(found["examples"][:3]),
        }
        for of_fate, fate in fates.items()
        for reason, found in report[of_fate].items()
    ]
    about = "cells and subjects; a subject group joins subjects that share a picture"
    of_splits, of_report = results.sources("cell_splits"), results.sources("integrity_report")
    unit = "files; one with two reasons counts under both"
    return {
        **{name: show(count, "count", f"cohort.{name}") for name, count in counts.items()},
        "unmeasured": unmeasured,
        "splits": dict(zip(splits, table, strict=True)),
        "splits_table": Table("Cells and subjects of each split", table, unit=about, sources=of_splits),
        "reasons_table": Table("Files that were rejected or flagged", reasons, unit=unit, sources=of_report),
    }


def _count_cells(cells: pd.DataFrame) -> dict[str, int]:
    subjects, groups = cells["subject_id"].nunique(), cells["subject_group"].nunique()
    counts = {"n_cells": len(cells), "n_subjects": subjects, "n_groups": groups}
    for label in CellLabel:
        of_label = cells[cells["label"] == label]
        counts |= {f"n_{label}": len(of_label), f"n_{label}_subjects": of_label["subject_id"].nunique()}
    return counts


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

    def write(values: Values, name: str) -> str:
        return UNKNOWN if values is None else _write(values.get(name, "not there"))

    names = dict.fromkeys(name for values in runs.values() for name in values or ())
    return Table(title, [{heading: name, **{run: write(of, name) for run, of in runs.items()}} for name in names])


def _write(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_write(item) for item in value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def describe_checklist(results: Results) -> Table | None:
    """Tabulate where each item of the reporting guidelines stands."""
    if results.reporting_checklist is None:
        return None
    rows: list[Row] = []
    for item in results.reporting_checklist:
        parts = {part: _write(item[part]) for part in ("topic", "status", "where", "note")}
        rows.append({"item": f"{item['guideline']} {item['item']}", **parts})
    unit = "items of the guidelines, in our words, as they stand for a study of C-NMC"
    sources = results.sources("reporting_checklist")
    return Table("Where each item of the reporting guidelines stands", rows, unit=unit, sources=sources)
