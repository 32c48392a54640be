"""Which files came in, what became of them, and who is in which split."""

from typing import Any

import pandas as pd

from blastscreen.report.results import Results
from blastscreen.report.shown import Quantity, Table, show
from blastscreen.vocabulary import UNFIT_CODES, CellLabel, Split

_COUNTS = {
    "n_cells": "cells",
    "n_subjects": "subjects",
    "n_groups": "subject groups",
    "n_all": "blasts (ALL)",
    "n_all_subjects": "subjects with blasts",
    "n_hem": "normal cells (HEM)",
    "n_hem_subjects": "subjects with normal cells",
}


def describe_flow(results: Results) -> dict[str, Any]:
    """Count cells from the incoming files to the splits.

    Returns:
        n_files, n_rejected, n_duplicate, n_review, n_unfit, n_kept, n_unmeasured; unmeasured (reason and count), splits
        (per split its counts), and the tables of reasons and splits.
    """
    report, features = results.integrity_report, results.cell_features
    unmeasured = {} if features is None else features.loc[features["reasons"] != "", "reasons"].value_counts().to_dict()
    counts = {name: report[name] for name in ("n_files", "n_rejected", "n_duplicate", "n_review", "n_unfit")}
    counts |= {"n_kept": report["n_accepted"] + report["n_review"], "n_unmeasured": sum(unmeasured.values())}
    cells = results.cell_splits
    splits = {str(split): _count_cells(cells[cells["split"] == split], name=f"cohort.{split}") for split in Split}
    return {
        **{name: show(count, "count", f"cohort.{name}") for name, count in counts.items()},
        "unmeasured": unmeasured,
        "splits": splits,
        "reasons_table": _tabulate_reasons(results),
        "splits_table": Table(
            "Cells and subjects of each split",
            [
                {"split": split} | {heading: counts[name] for name, heading in _COUNTS.items()}
                for split, counts in splits.items()
            ],
            unit="cells and subjects; a subject group joins subjects that share a picture",
            sources=results.sources("cell_splits"),
        ),
    }


def _count_cells(cells: pd.DataFrame, *, name: str) -> dict[str, Quantity]:
    counts = {"n_cells": len(cells), "n_subjects": cells["subject_id"].nunique()}
    counts["n_groups"] = cells["subject_group"].nunique()
    for label in CellLabel:
        of_label = cells[cells["label"] == label]
        counts |= {f"n_{label}": len(of_label), f"n_{label}_subjects": of_label["subject_id"].nunique()}
    return {count: show(value, "count", f"{name}.{count}") for count, value in counts.items()}


def _tabulate_reasons(results: Results) -> Table:
    fates = {"rejected_reasons": "rejected", "review_reasons": "kept, for review"}
    return Table(
        "Files that were rejected or flagged",
        [
            {
                "reason": reason,
                "what became of them": "kept, never decided alone" if reason in UNFIT_CODES else fate,
                "files": show(found["n_files"], "count", f"cohort.reasons.{reason}"),
                "for example": ", ".join(found["examples"][:3]),
            }
            for reasons, fate in fates.items()
            for reason, found in results.integrity_report[reasons].items()
        ],
        unit="files; one with two reasons counts under both",
        sources=results.sources("integrity_report"),
    )
