"""Which files came in, what became of them, and who is in which split."""

from typing import Any

import pandas as pd

from blastscreen.report.results import Results
from blastscreen.report.shown import Numbers, Row, Table, show, show_row
from blastscreen.vocabulary import UNFIT_CODES, CellLabel, Split

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
    table = [
        show_row(of_split, _COUNTS, f"cohort.{split}", first={"split": split}) for split, of_split in splits.items()
    ]
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
