"""Refusing a cohort from which no honest split can be made."""

from collections.abc import Iterator

import pandas as pd

from blastscreen.cohort.index import select_counted, select_readable
from blastscreen.cohort.names import folder_label, natural_key
from blastscreen.vocabulary import (
    UNFIT_CODES,
    CellLabel,
    ReasonCode,
    Refusal,
    Status,
    count_noun,
    is_unfit,
    name_some,
)


class CohortError(Refusal):
    """The cells can't be used for training as they stand; `args` holds every problem, one text each."""

    def __str__(self) -> str:
        if len(self.args) == 1:
            return str(self.args[0])
        numbered = [f"{number}. {problem}" for number, problem in enumerate(self.args, start=1)]
        return "\n".join([f"the cohort has {len(self.args)} problems:", *numbered])


def require_sound_cohort(cell_index: pd.DataFrame) -> None:
    """Refuse a cohort from which no honest split can be made; rejected files don't matter unless they are the most.

    Raises:
        CohortError: Most files were rejected; or, naming every problem at once, a name that can't be read, a label
            that its folder contradicts, a subject with both labels, identical pixels with both labels, one class or one
            subject only, a class of which most cells are unfit.
    """
    readable, counted = select_readable(cell_index), select_counted(cell_index)
    if 2 * len(readable) < len(cell_index) or readable.empty:
        advice = "Check that the folder holds the cohort, or take them out of it"
        raise CohortError(f"{describe_rejected(cell_index)}. {advice}")
    # a duplicate can still contradict the file that it repeats
    problems = [*_find_wrong_names(counted, readable), *_find_conflicts(readable), *_find_gaps(counted)]
    if problems:
        raise CohortError(*problems)


def describe_rejected(cell_index: pd.DataFrame) -> str:
    """Write how many files were rejected, for which reasons, and what links have to do with it."""
    rejected = cell_index[cell_index["status"] == Status.REJECTED]
    counts = rejected["reasons"].str.split(";").explode().value_counts()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    text = f"{len(rejected):,} of {count_noun(len(cell_index), 'file')} rejected ({reasons or 'no files'})"
    if ReasonCode.OUTSIDE_ROOT in counts:
        text += (
            ". outside_root: links that lead out of the folder are not followed; name the folder that they lead to, "
        )
        text += "or copy the files themselves (cp -rL)"
    return text


def _find_wrong_names(counted: pd.DataFrame, readable: pd.DataFrame) -> Iterator[str]:
    unnamed = counted[counted["subject_id"].isna() | counted["label"].isna()]
    lacking = [name for name, column in (("subject", "subject_id"), ("label", "label")) if unnamed[column].isna().any()]
    if lacking:
        yield (
            f"{count_noun(len(unnamed), 'file')} without {' and '.join(lacking)}: "
            f"{name_some(unnamed['image_id'].sort_values())}. Name them UID_<subject>_<field>_<cell>_<all or hem>, or "
            "say whose cells they are in a sheet with the columns Patient_ID,new_names,labels: --params=labels=<file> "
            "(external_labels=<file> for images from outside). Subjects are never guessed, since cells of one person "
            "must not be divided between training and test"
        )
    folder = readable["image_id"].map(folder_label).astype("str")
    contradicted = readable.loc[folder.notna() & readable["label"].notna() & (folder != readable["label"]), "image_id"]
    if len(contradicted):
        yield (
            f"{count_noun(len(contradicted), 'file')} named with one label in the folder of the other: "
            f"{name_some(contradicted.sort_values())}. Find out which is right and move or rename the file"
        )


def _find_conflicts(readable: pd.DataFrame) -> Iterator[str]:
    counts = pd.crosstab(readable["subject_id"], readable["label"])
    both = counts[(counts > 0).sum(axis=1) > 1]
    if len(both):
        texts = [
            f"{subject} ({', '.join(f'{number} {label}' for label, number in both.loc[subject].items())})"
            for subject in sorted(both.index, key=natural_key)
        ]
        yield (
            f"{count_noun(len(both), 'subject')} with both labels: {name_some(texts)}. A person is a patient or a "
            "control: correct the names, or take the subject out"
        )
    labelled = readable[readable["label"].notna()].sort_values("image_id")
    repeats = labelled[labelled.groupby("pixel_hash")["label"].transform("nunique") > 1]
    if len(repeats):
        equations = sorted(" = ".join(image_ids) for _, image_ids in repeats.groupby("pixel_hash")["image_id"])
        yield (
            f"{count_noun(len(equations), 'picture')} present with both labels: {name_some(equations)}. At most one "
            "label is right: remove every copy whose label can't be confirmed"
        )


def _find_gaps(counted: pd.DataFrame) -> Iterator[str]:
    labels, groups = counted["label"].value_counts(), counted["subject_group"].value_counts()
    if len(labels) == 1:
        found, missing = sorted(CellLabel, key=lambda label: label not in labels)
        yield f"all {labels.sum():,} labelled cells are {found}. Add {missing} cells: a classifier needs both classes"
    if len(groups) == 1:
        yield (
            f"all {groups.sum():,} cells come from one subject ({groups.index[0]}). Add subjects: training and test "
            "must never share a person"
        )
    unfit = is_unfit(counted["reasons"])
    shares = unfit.groupby(counted["label"], dropna=False).agg(["sum", "size"])
    mostly = shares[shares["sum"] > shares["size"] / 2]
    if len(mostly):
        codes = counted.loc[unfit, "reasons"].str.split(";").explode()
        counts = codes[codes.isin(UNFIT_CODES)].value_counts().sort_index()
        reasons = ", ".join(f"{code} {number}" for code, number in counts.items())
        classes = ", ".join(f"{n_unfit:,} of {n:,} {label}" for label, (n_unfit, n) in mostly.iterrows())
        yield (
            f"cells that no model may decide on: {classes} ({reasons}). What is learned from or measured on "
            "them says nothing about single cells on black: cut the cells out on black, or take them out of the folder"
        )
