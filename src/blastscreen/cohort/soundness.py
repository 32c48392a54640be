"""Refusing a cohort from which no honest split can be made."""

from collections.abc import Callable, Iterable

import pandas as pd

from blastscreen.cohort.names import folder_label, natural_key
from blastscreen.vocabulary import COUNTED, UNFIT_CODES, CellLabel, ReasonCode, Refusal, Status, is_unfit


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
        CohortError: most files were rejected; or, naming every problem at once, a name that can't be read, a label
            that its folder contradicts, a subject with both labels, identical pixels with both labels, one class or one
            subject only, a class of which most cells are unfit.
    """
    readable, counted = select_readable(cell_index), select_counted(cell_index)
    if 2 * len(readable) < len(cell_index) or readable.empty:
        raise CohortError(
            f"{tell_rejected(cell_index)}. Check that the folder holds the cohort, or take them out of it"
        )
    # a duplicate can still contradict the file that it repeats
    checks: tuple[tuple[Callable[[pd.DataFrame], str | None], pd.DataFrame], ...] = (
        (_unreadable_names, counted),
        (_contradicted_labels, readable),
        (_subjects_with_both_labels, readable),
        (_pixels_with_both_labels, readable),
        (_single_class, counted),
        (_single_subject, counted),
        (_mostly_unfit, counted),
    )
    problems = [problem for check, cells in checks if (problem := check(cells)) is not None]
    if problems:
        raise CohortError(*problems)


def select_readable(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that were not rejected, duplicates included."""
    return cell_index[cell_index["status"] != Status.REJECTED]


def select_counted(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that were accepted or flagged for review."""
    return cell_index[cell_index["status"].isin(COUNTED)]


def tell_rejected(cell_index: pd.DataFrame) -> str:
    """Say how many files were rejected, for which reasons, and what links have to do with it."""
    rejected = cell_index[cell_index["status"] == Status.REJECTED]
    counts = rejected["reasons"].str.split(";").explode().value_counts()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    advice = (
        ". outside_root: links that lead out of the folder are not followed; name the folder that they lead to, or "
        "copy the files themselves (cp -rL)"
        if ReasonCode.OUTSIDE_ROOT in counts
        else ""
    )
    return f"{len(rejected):,} of {count_noun(len(cell_index), 'file')} rejected ({reasons or 'no files'}){advice}"


def count_noun(number: int, noun: str) -> str:
    """Say how many of something there are: "1 file", "2,000 files"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def name_some(items: Iterable[str], limit: int = 5) -> str:
    """Name the first few items, and say how many there are besides."""
    names = list(items)
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown


def _unreadable_names(kept: pd.DataFrame) -> str | None:
    unnamed = kept[kept["subject_id"].isna() | kept["label"].isna()]
    if unnamed.empty:
        return None
    lacking = [name for name, column in (("subject", "subject_id"), ("label", "label")) if unnamed[column].isna().any()]
    return (
        f"{count_noun(len(unnamed), 'file')} without {' and '.join(lacking)}: "
        f"{name_some(unnamed['image_id'].sort_values())}. Name them UID_<subject>_<field>_<cell>_<all or hem>, or say "
        "whose cells they are in a sheet with the columns Patient_ID,new_names,labels: --params=labels=<file> "
        "(external_labels=<file> for images from outside). Subjects are never guessed, since cells of one person must "
        "not be divided between training and test"
    )


def _contradicted_labels(kept: pd.DataFrame) -> str | None:
    folder = kept["image_id"].map(folder_label).astype("str")
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


def _mostly_unfit(counted: pd.DataFrame) -> str | None:
    unfit = is_unfit(counted["reasons"])
    shares = unfit.groupby(counted["label"], dropna=False).agg(["sum", "size"])
    mostly = shares[shares["sum"] > shares["size"] / 2]
    if mostly.empty:
        return None
    codes = counted.loc[unfit, "reasons"].str.split(";").explode()
    reasons = ", ".join(f"{code} {n}" for code, n in codes[codes.isin(UNFIT_CODES)].value_counts().sort_index().items())
    classes = ", ".join(f"{n_unfit:,} of {n:,} {label}" for label, (n_unfit, n) in mostly.iterrows())
    return (
        f"cells that no model may decide on: {classes} ({reasons}). What is learned from or measured on "
        "them says nothing about single cells on black: cut the cells out on black, or take them out of the folder"
    )
