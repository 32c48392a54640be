"""Refusing a cohort from which no honest split can be made."""

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

import pandas as pd

from blastscreen.cohort.names import natural_key
from blastscreen.refusal import Refusal
from blastscreen.vocabulary import CellLabel, Status


class CohortError(Refusal):
    """The cells can't be used for training as they stand; `args` holds every problem, one text each."""

    def __str__(self) -> str:
        if len(self.args) == 1:
            return str(self.args[0])
        numbered = [f"{number}. {problem}" for number, problem in enumerate(self.args, start=1)]
        return "\n".join([f"the cohort has {len(self.args)} problems:", *numbered])


def require_sound_cohort(cell_index: pd.DataFrame) -> None:
    """Refuse a cohort from which no honest split can be made.

    Rejected files don't matter here; the integrity report counts them.

    Args:
        cell_index: one row per file that came in, as `CELL_INDEX` describes.

    Raises:
        CohortError: naming every problem at once: nothing accepted, a name that can't be read, a label that its folder
            contradicts, a subject with both labels, identical pixels with both labels, one class or one subject only.
    """
    kept = select_kept(cell_index)
    if kept.empty:
        raise CohortError(
            f"none of {count_noun(len(cell_index), 'file')} was accepted. Look at the reasons in the cell index, and "
            "check that the folder holds the cohort"
        )
    checks: tuple[Callable[[pd.DataFrame], str | None], ...] = (
        _unreadable_names,
        _contradicted_labels,
        _subjects_with_both_labels,
        _pixels_with_both_labels,
        _single_class,
        _single_subject,
    )
    problems = [problem for check in checks if (problem := check(kept)) is not None]
    if problems:
        raise CohortError(*problems)


def select_kept(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that were accepted or flagged for review."""
    return cell_index[cell_index["status"] != Status.REJECTED]


def count_noun(number: int, noun: str) -> str:
    """Say how many of something there are: "1 file", "2,000 files"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def name_some(items: Iterable[str], limit: int = 5) -> str:
    """Name the first few items, and say how many there are besides."""
    names = list(items)
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown


def _unreadable_names(kept: pd.DataFrame) -> str | None:
    unreadable = kept.loc[kept["subject_id"].isna() | kept["label"].isna(), "image_id"]
    if unreadable.empty:
        return None
    return (
        f"{count_noun(len(unreadable), 'name')} without subject and label: {name_some(unreadable.sort_values())}. "
        "Rename to UID_<subject>_<field>_<cell>_<all or hem>.<extension>, name in a sheet of labels, or move out of "
        "the folder"
    )


def _folder_label(image_id: str) -> str | None:
    labels = [part.lower() for part in PurePosixPath(image_id).parts[:-1] if part.lower() in set(CellLabel)]
    return labels[-1] if labels else None


def _contradicted_labels(kept: pd.DataFrame) -> str | None:
    folder = kept["image_id"].map(_folder_label).astype("str")
    contradicted = kept.loc[folder.notna() & kept["label"].notna() & (folder != kept["label"]), "image_id"]
    if contradicted.empty:
        return None
    return (
        f"{count_noun(len(contradicted), 'file')} named with one label in the folder of the other: "
        f"{name_some(contradicted.sort_values())}. Find out which is right and move or rename the file"
    )


def _subjects_with_both_labels(kept: pd.DataFrame) -> str | None:
    counts = pd.crosstab(kept["subject_id"], kept["label"])
    both = counts[(counts > 0).sum(axis=1) > 1]
    if both.empty:
        return None
    texts = [
        f"{subject} ({', '.join(f'{both.loc[subject, label]} {label}' for label in both.columns)})"
        for subject in sorted(both.index, key=natural_key)
    ]
    return (
        f"{count_noun(len(both), 'subject')} with both labels: {name_some(texts)}. A person is a patient or a control: "
        "correct the names, or take the subject out"
    )


def _pixels_with_both_labels(kept: pd.DataFrame) -> str | None:
    labelled = kept[kept["label"].notna()]
    n_labels = labelled.groupby("pixel_hash")["label"].transform("nunique")
    clashing = labelled[n_labels > 1].sort_values("image_id").groupby("pixel_hash")["image_id"].agg(_equation)
    if clashing.empty:
        return None
    return (
        f"{count_noun(len(clashing), 'picture')} present with both labels: {name_some(sorted(clashing))}. At most one "
        "label is right: remove every copy whose label can't be confirmed"
    )


def _equation(image_ids: "pd.Series[str]") -> str:
    return " = ".join(image_ids)


def _single_class(kept: pd.DataFrame) -> str | None:
    labels = kept["label"].dropna()
    found = sorted(labels.unique())
    if len(found) != 1:
        return None
    missing = next(label for label in CellLabel if label != found[0])
    return f"all {len(labels):,} labelled cells are {found[0]}. Add {missing} cells: a classifier needs both classes"


def _single_subject(kept: pd.DataFrame) -> str | None:
    groups = kept["subject_group"].dropna()
    found = sorted(groups.unique())
    if len(found) != 1:
        return None
    return (
        f"all {len(groups):,} cells come from one subject ({found[0]}). Add subjects: training and test must never "
        "share a person"
    )
