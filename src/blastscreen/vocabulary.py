"""Every word of the domain, spelled once."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


class Refusal(ValueError):
    """Say in a few lines what can't be done, where, and what to do next; it is shown without a traceback."""


def count_noun(number: int, noun: str) -> str:
    """Write how many of something there are: "1 file", "2,000 files"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def name_some(items: Iterable[str]) -> str:
    """Name the first five items, and count those left out: "a, b and 3 more"."""
    names = list(items)
    others = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + others


class CellLabel(StrEnum):
    """Labels of C-NMC 2019: a leukemic blast, or a normal B-lymphoid precursor (hematogone)."""

    ALL = "all"
    HEM = "hem"


POSITIVE_LABEL = CellLabel.ALL


def mark_blasts(labels: "pd.Series[str]") -> "NDArray[np.bool_]":
    """Mark the cells of the positive class; one without a label is none of them."""
    return (labels == POSITIVE_LABEL).to_numpy(dtype="bool", na_value=False)


class Split(StrEnum):
    """Experimental role of a cell."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


EVALUATED_SPLITS = (Split.VALIDATION, Split.TEST)


class SplitStrategy(StrEnum):
    """What is never divided between two splits: a group of subjects, a C-NMC fold, or only the single image."""

    SUBJECT = "subject"
    SOURCE_FOLD = "source_fold"
    IMAGE = "image"


class Region(StrEnum):
    """Pixels that the features see: the cell's own, or the whole frame with its background."""

    CELL = "cell"
    FRAME = "frame"


class Balancing(StrEnum):
    """What training does about a class being rarer than the other."""

    NONE = "none"
    CLASS_WEIGHT = "class_weight"
    COST = "cost"
    SMOTE = "smote"
    UNDERSAMPLING = "undersampling"
    EASY_ENSEMBLE = "easy_ensemble"


class Decision(StrEnum):
    """What a triage says of a cell: a call, or that an expert is to look at it. Never a diagnosis."""

    BLAST = "blast"
    NORMAL = "normal"
    REFER = "refer"


class OperatingRule(StrEnum):
    """How the cut on probability is chosen: given beforehand, or from the validation cells."""

    FIXED = "fixed"
    SENSITIVITY = "sensitivity"
    YOUDEN = "youden"
    COST = "cost"


class Calibration(StrEnum):
    """How scores are turned into probabilities; fitted on the validation cells, but for none, which leaves them."""

    NONE = "none"
    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"
    TEMPERATURE = "temperature"


class ReferenceCohort(StrEnum):
    """Published cohort that the incoming images are counted against."""

    NONE = "none"
    CNMC_2019 = "cnmc_2019"


GENERATED_SAMPLE = "generated sample, not patient data"
"""Data source of drawn cells; stands on everything that is made from them."""

GENERATED_MARKER = "GENERATED_SAMPLE.txt"
"""File at the top of a folder of drawn cells, by which the folder is told from patient data."""


class Status(StrEnum):
    """What became of an incoming file: accepted, processed but flagged, set aside, or kept out with a reason."""

    ACCEPTED = "accepted"
    REVIEW = "review"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


COUNTED = (Status.ACCEPTED, Status.REVIEW)
"""Counted cells: what goes on to pictures, features, splits and models."""


class ReasonCode(StrEnum):
    """Why a file was rejected, set aside or flagged."""

    # rejected before decoding
    EMPTY_FILE = "empty_file"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    NOT_A_FILE = "not_a_file"
    OUTSIDE_ROOT = "outside_root"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_COMPLEX = "too_complex"
    # rejected because the pixels are not 8-bit RGB
    SIXTEEN_BIT = "sixteen_bit"
    FLOAT_PIXELS = "float_pixels"
    ALPHA = "alpha"
    GREYSCALE = "greyscale"
    PALETTE = "palette"
    CMYK = "cmyk"
    MULTI_FRAME = "multi_frame"
    # rejected for what the picture shows
    NO_CELL = "no_cell"
    CELL_TOO_LARGE = "cell_too_large"
    # rejected after measuring: `non_finite:<feature>`
    NON_FINITE = "non_finite"
    # set aside
    DUPLICATE = "duplicate"
    # flagged
    EXTENSION_MISMATCH = "extension_mismatch"
    LOSSY_SOURCE = "lossy_source"
    FRAME_SIZE = "frame_size"
    MULTI_OBJECT = "multi_object"
    BORDER = "border"
    UNSEGMENTED = "unsegmented"
    # flagged where a model decides: unlike the cells that it learned from
    SMALL_CELL = "small_cell"
    LARGE_CELL = "large_cell"
    DRAWN_MODEL = "drawn_model"


class Consequence(StrEnum):
    """What a reason entails: the file is kept out, counted once, never decided alone, or only to be looked at."""

    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    UNFIT = "unfit"
    REVIEW = "review"


CONSEQUENCES = dict.fromkeys(ReasonCode, Consequence.REJECTED) | {
    ReasonCode.DUPLICATE: Consequence.DUPLICATE,
    ReasonCode.EXTENSION_MISMATCH: Consequence.REVIEW,
    ReasonCode.LOSSY_SOURCE: Consequence.REVIEW,
    ReasonCode.FRAME_SIZE: Consequence.REVIEW,
    ReasonCode.MULTI_OBJECT: Consequence.UNFIT,
    ReasonCode.BORDER: Consequence.UNFIT,
    ReasonCode.UNSEGMENTED: Consequence.UNFIT,
    ReasonCode.SMALL_CELL: Consequence.UNFIT,
    ReasonCode.LARGE_CELL: Consequence.UNFIT,
    ReasonCode.DRAWN_MODEL: Consequence.UNFIT,
}
"""The only place that says what follows from a reason."""


UNFIT_CODES = frozenset(code for code, consequence in CONSEQUENCES.items() if consequence == Consequence.UNFIT)


def is_unfit(reasons: "pd.Series[str]") -> "pd.Series[bool]":
    """Find the cells that no model may decide on, by their reason codes joined with ";".

    Examples:
        >>> import pandas as pd
        >>> is_unfit(pd.Series(["", "frame_size;lossy_source", "border;lossy_source"])).tolist()
        [False, False, True]
    """
    return reasons.map(lambda codes: not UNFIT_CODES.isdisjoint(codes.split(";"))).astype(bool)


IDENTITY = ["image_id", "subject_id", "subject_group", "label", "split", "data_source"]
"""What every table of single cells says of a cell besides its own findings: the columns of `schemas.CELL_SPLITS`."""


def feature_columns(cells: "pd.DataFrame") -> list[str]:
    """List the features of a table of cells: whatever groups were measured, in their order."""
    return [name for name in cells.columns if name not in {*IDENTITY, "reasons", "region"}]
