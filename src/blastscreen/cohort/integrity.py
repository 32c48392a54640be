"""The integrity report: what came in, what was kept, what repeats."""

from typing import Any

import pandas as pd

from blastscreen.cohort.index import join_sources, select_counted, select_readable
from blastscreen.cohort.names import CNMC_2019, CNMC_2019_DOI, natural_key
from blastscreen.cohort.soundness import require_sound_cohort
from blastscreen.parameters import PreprocessingParameters
from blastscreen.vocabulary import ReferenceCohort, Status, is_unfit

_MAX_EXAMPLES = 10


def check_integrity(cell_index: pd.DataFrame, settings: PreprocessingParameters) -> dict[str, Any]:
    """Refuse an unsound cohort (`require_sound_cohort`); describe a sound one."""
    require_sound_cohort(cell_index)
    return describe_cohort(cell_index, reference=settings.reference_cohort)


def describe_cohort(cell_index: pd.DataFrame, *, reference: ReferenceCohort) -> dict[str, Any]:
    """Count, ready for JSON, what came in, what was kept and what repeats.

    Labels and folds are those of the counted cells; duplicates, merged subjects and the comparison are about all files
    that were not rejected. Cells whose name names nobody are counted under a subject, label or fold of None. A file
    with two reasons counts under both. No model decides alone on n_unfit of the counted cells.
    """
    readable, counted = select_readable(cell_index), select_counted(cell_index)
    return {
        "data_source": join_sources(cell_index),
        "n_files": len(cell_index),
        **{f"n_{status}": int((cell_index["status"] == status).sum()) for status in Status},
        "n_unfit": int(is_unfit(counted["reasons"]).sum()),
        "rejected_reasons": _count_reasons(cell_index[cell_index["status"] == Status.REJECTED]),
        "review_reasons": _count_reasons(cell_index[cell_index["status"] == Status.REVIEW]),
        "labels": _count_cells(counted, by=["label"]),
        "folds": _count_cells(counted, by=["source_fold", "label"]),
        "subjects": _count_subjects(cell_index),
        "duplicates": _count_duplicates(readable),
        "merged_subjects": _list_merged_subjects(readable),
        "reference": _compare_with_cnmc(readable) if reference == ReferenceCohort.CNMC_2019 else None,
    }


def _count_reasons(files: pd.DataFrame) -> dict[str, dict[str, Any]]:
    reasons = files.assign(reason=files["reasons"].str.split(";")).explode("reason").sort_values("image_id")
    return {
        str(reason): {"n_files": len(group), "examples": group["image_id"].head(_MAX_EXAMPLES).tolist()}
        for reason, group in reasons.groupby("reason")
    }


def _count_cells(cells: pd.DataFrame, *, by: list[str]) -> list[dict[str, Any]]:
    counts = cells.groupby(by, dropna=False)["subject_id"].agg(images="size", subjects="nunique")
    return _records(counts.reset_index())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    plain = table.astype(object).where(table.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def _count_subjects(cell_index: pd.DataFrame) -> list[dict[str, Any]]:
    """Count files per subject and status; a rejected file counts for the subject that its name names."""
    columns = {str(status): cell_index["status"] == status for status in Status}
    counts = pd.DataFrame(columns).groupby(cell_index["subject_id"], dropna=False).sum().reset_index()
    return sorted(_records(counts), key=lambda row: natural_key(row["subject_id"] or ""))


def _count_duplicates(files: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Count groups of identical pixels within one subject and across several; nameless files are one subject."""
    # few of all files: pandas calls Python for every group
    repeated = files[files["pixel_hash"].duplicated(keep=False)].sort_values("image_id")
    by_picture = repeated.fillna({"subject_id": ""}).groupby("pixel_hash")
    groups = by_picture.agg(subjects=("subject_id", "nunique"), image_ids=("image_id", list))
    within = groups["subjects"] == 1
    parts = {"within_subject": groups.loc[within, "image_ids"], "across_subjects": groups.loc[~within, "image_ids"]}
    return {
        name: {"groups": len(part), "images": int(part.str.len().sum()), "examples": sorted(part)[:_MAX_EXAMPLES]}
        for name, part in parts.items()
    }


def _list_merged_subjects(files: pd.DataFrame) -> list[dict[str, Any]]:
    merged = files[files["subject_group"] != files["subject_id"]].groupby("subject_group")["subject_id"]
    rows = merged.agg(subject_ids=lambda ids: sorted(set(ids), key=natural_key), images="size").reset_index()
    return sorted(_records(rows), key=lambda row: natural_key(row["subject_group"]))


def _compare_with_cnmc(files: pd.DataFrame) -> dict[str, Any]:
    """Compare with the published training set; a rejected file counts as missing, a surplus one as unexpected."""
    published = pd.DataFrame(
        [(fold, str(label), *count) for fold, labels in CNMC_2019.items() for label, count in labels.items()],
        columns=["source_fold", "label", "published_images", "published_subjects"],
    )
    by_part = files.groupby(["source_fold", "label"])["subject_id"]
    found = by_part.agg(found_images="size", found_subjects="nunique")
    counts = published.join(found, on=["source_fold", "label"]).fillna(dict.fromkeys(found, 0))
    counts = counts.astype(dict.fromkeys(found, int))
    matched = int(counts[["published_images", "found_images"]].min(axis=1).sum())
    missing, unexpected = int(counts["published_images"].sum()) - matched, len(files) - matched
    same_subjects = bool((counts["published_subjects"] == counts["found_subjects"]).all())
    return {
        "cohort": str(ReferenceCohort.CNMC_2019),
        "doi": CNMC_2019_DOI,
        "complete": missing == 0 and unexpected == 0 and same_subjects,
        "missing": missing,
        "unexpected": unexpected,
        "comparison": _records(counts),
    }
