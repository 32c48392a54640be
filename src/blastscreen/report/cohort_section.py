"""Which files came in, what became of them, and who is in which split."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from blastscreen.report.quantities import Quantity, quantity
from blastscreen.report.study import Study
from blastscreen.report.tables import Table, make_table
from blastscreen.vocabulary import UNFIT_CODES, CellLabel, Split


def describe_flow(study: Study) -> dict[str, Any]:
    """Count cells from the incoming files to the splits.

    Returns:
        n_files, n_rejected, n_duplicate, n_review, n_unfit, n_kept, n_unmeasured (Quantity each), rejected and
        unmeasured (reason and count), splits (per split its name and its counts), groups_on_both_sides (see `Study`),
        table of reasons with examples, table of the splits.
    """
    report = study.entries["integrity_report"]
    features = study.get("cell_features")
    unmeasured = {} if features is None else features.loc[features["reasons"] != "", "reasons"].value_counts().to_dict()
    counts = {name: report[name] for name in ("n_files", "n_rejected", "n_duplicate", "n_review", "n_unfit")}
    counts |= {"n_kept": report["n_accepted"] + report["n_review"], "n_unmeasured": sum(unmeasured.values())}
    splits = _count_splits(study.entries["cell_splits"])
    return {
        **{name: quantity(count, kind="count", name=f"cohort.{name}") for name, count in counts.items()},
        "rejected": {reason: found["n_files"] for reason, found in report["rejected_reasons"].items()},
        "unmeasured": unmeasured,
        "splits": splits,
        "groups_on_both_sides": study.groups_on_both_sides,
        "repeats": report["duplicates"],
        "merged": report["merged_subjects"],
        "reference": report["reference"],
        "reasons_table": _tabulate_reasons(study, report),
        "splits_table": _tabulate_splits(study, splits),
    }


def _count_splits(splits: pd.DataFrame) -> dict[str, dict[str, Quantity]]:
    counted = {}
    for split in Split:
        cells = splits[splits["split"] == split]
        counts = {
            "n_cells": len(cells),
            "n_subjects": cells["subject_id"].nunique(),
            "n_groups": cells["subject_group"].nunique(),
        }
        for label in CellLabel:
            of_label = cells[cells["label"] == label]
            counts |= {f"n_{label}": len(of_label), f"n_{label}_subjects": of_label["subject_id"].nunique()}
        counted[str(split)] = {
            name: quantity(count, kind="count", name=f"cohort.{split}.{name}") for name, count in counts.items()
        }
    return counted


def _tabulate_splits(study: Study, splits: Mapping[str, Mapping[str, Quantity]]) -> Table:
    columns = {
        "n_cells": "cells",
        "n_subjects": "subjects",
        "n_groups": "subject groups",
        "n_all": "blasts (ALL)",
        "n_all_subjects": "subjects with blasts",
        "n_hem": "normal cells (HEM)",
        "n_hem_subjects": "subjects with normal cells",
    }
    return make_table(
        "Cells and subjects of each split",
        unit="cells and subjects; a subject group joins subjects that share a picture",
        sources=study.sources("cell_splits"),
        columns=["split", *columns.values()],
        rows=[[split, *(counts[name] for name in columns)] for split, counts in splits.items()],
    )


def _tabulate_reasons(study: Study, report: Mapping[str, Any]) -> Table:
    rows: list[list[str | Quantity]] = []
    fates = {"rejected_reasons": "rejected", "review_reasons": "kept, for review"}
    for reasons, usual in fates.items():
        for reason, found in report[reasons].items():
            fate = "kept, never decided alone" if reason in UNFIT_CODES else usual
            n_files = quantity(found["n_files"], kind="count", name=f"cohort.reasons.{reason}")
            rows.append([reason, fate, n_files, ", ".join(found["examples"][:3])])
    return make_table(
        "Files that were rejected or flagged",
        unit="files; one with two reasons counts under both",
        sources=study.sources("integrity_report"),
        columns=["reason", "what became of them", "files", "for example"],
        rows=rows,
    )
