"""Schemas of the tables that pass between pipelines: the `validator:` of their catalog entries."""

from enum import StrEnum

import pandas as pd
import pandera.pandas as pa

from blastscreen.vocabulary import (
    FEATURE_NAMES,
    Balancing,
    CellLabel,
    Decision,
    Region,
    Split,
    SplitStrategy,
    Status,
    is_unfit,
)

_UNIT = pa.Check.in_range(0, 1)


def _text(*checks: pa.Check, nullable: bool = False, unique: bool = False) -> pa.Column:
    return pa.Column("str", checks=list(checks), nullable=nullable, unique=unique)


def _count(*, nullable: bool = True) -> pa.Column:
    return pa.Column("Int64", checks=pa.Check.ge(0), nullable=nullable)


def _one_of(words: type[StrEnum], *, nullable: bool = False) -> pa.Column:
    return _text(pa.Check.isin([word.value for word in words]), nullable=nullable)


def _table(columns: dict[str, pa.Column], *checks: pa.Check) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, checks=list(checks), strict=True, ordered=True)


_UNFIT_IS_UNRATED = pa.Check(
    lambda cells: cells.loc[is_unfit(cells["reasons"]), "confidence"].isna().all(),
    error="an unfit cell must have no confidence",
)
_UNRATED_IS_REFERRED = pa.Check(
    lambda cells: (cells.loc[cells["confidence"].isna(), "decision"].fillna(Decision.REFER) == Decision.REFER).all(),
    error="a cell without confidence must be referred",
)


def _rejected_rows_are_explained(index: pd.DataFrame) -> bool:
    rejected = index["status"] == Status.REJECTED
    return bool((index["reasons"] != "")[rejected].all() and index.loc[rejected, "label"].isna().all())


CELL_INDEX = _table(
    {
        "image_id": _text(unique=True),
        "status": _one_of(Status),
        "reasons": _text(),
        "detail": _text(),
        "image_format": _text(nullable=True),
        "height": _count(),
        "width": _count(),
        "background_threshold": _count(),
        "cell_area": _count(),
        "pixel_hash": _text(nullable=True),
        "subject_id": _text(nullable=True),
        "subject_group": _text(nullable=True),
        "label": _one_of(CellLabel, nullable=True),
        "source_fold": _text(nullable=True),
        "field_number": _count(),
        "cell_number": _count(),
        "data_source": _text(),
    },
    pa.Check(_rejected_rows_are_explained, error="a rejected row must carry a reason and no label"),
)
"""One row per file that came in. `reasons` holds reason codes joined by ";"; areas are pixels at native resolution."""

CELL_SPLITS = _table(
    {
        "image_id": _text(unique=True),
        "subject_id": _text(),
        "subject_group": _text(),
        "label": _one_of(CellLabel),
        "split": _one_of(Split),
        "data_source": _text(),
    }
)
"""One row per accepted cell with its experimental role."""

IDENTITY = list(CELL_SPLITS.columns)
"""What every table of single cells says of a cell besides its own findings."""

CELL_FEATURES = _table(
    {"image_id": _text(unique=True)}
    | {name: pa.Column(float, nullable=True) for name in FEATURE_NAMES}
    | {"reasons": _text()},
    pa.Check(
        lambda features: features[features["reasons"] == ""][list(FEATURE_NAMES)].notna().all(axis=None),
        error="a row without a reason must have every feature",
    ),
)
"""One row per accepted cell. A row with a reason has a feature that could not be measured and is kept out of models."""


def feature_columns(cells: pd.DataFrame) -> list[str]:
    """List the features of a table in the schema `CELL_FEATURES`: whatever groups were measured, in their order."""
    return [name for name in cells.columns if name not in ("image_id", "reasons")]


PREDICTIONS = _table(
    {
        "image_id": _text(unique=True),
        "subject_id": _text(),
        "subject_group": _text(),
        "label": _one_of(CellLabel),
        "split": _one_of(Split),
        "data_source": _text(),
        "blast_probability": pa.Column(float, checks=_UNIT),
    }
)
"""The same for every model: one row per evaluated cell."""

CALIBRATED = _table(
    dict(PREDICTIONS.columns)
    | {
        "reasons": _text(),
        "call": _one_of(Decision),
        "confidence": pa.Column(float, checks=_UNIT, nullable=True),
    },
    _UNFIT_IS_UNRATED,
)
"""One row per evaluated cell. `blast_probability` is calibrated, `confidence` the calibrated probability that the call
is right; cells whose `reasons` make them unfit have none."""

TRIAGE = _table(dict(CALIBRATED.columns) | {"decision": _one_of(Decision)}, _UNFIT_IS_UNRATED, _UNRATED_IS_REFERRED)
"""One row per evaluated cell, as in `CALIBRATED`; `decision` is the call or `refer`."""

SUBJECTS = _table(
    {
        "subject_id": _text(),
        "subject_group": _text(),
        "label": _one_of(CellLabel),
        "split": _one_of(Split),
        "n_cells": pa.Column("int64", checks=pa.Check.ge(1)),
        "n_right": pa.Column("int64", checks=pa.Check.ge(0)),
        "rate": pa.Column(float, checks=_UNIT),
        "mean_probability": pa.Column(float, checks=_UNIT),
        "majority_call": _one_of(CellLabel),
        "data_source": _text(),
    }
)
"""One row per subject and split; `rate` is the sensitivity of a subject with blasts, the specificity of another."""

AUDIT = _table(
    {
        "model": _text(),
        "strategy": _one_of(SplitStrategy),
        "region": _one_of(Region),
        "seed": pa.Column("int64", checks=pa.Check.ge(0)),
        "n_folds": pa.Column("int64", checks=pa.Check.ge(2)),
        "n_test_cells": pa.Column("int64", checks=pa.Check.ge(1)),
        "n_test_groups": pa.Column("int64", checks=pa.Check.ge(1)),
        "auroc": pa.Column(float, checks=_UNIT),
        "accuracy": pa.Column(float, checks=_UNIT),
        "f1_weighted": pa.Column(float, checks=_UNIT),
    }
)
"""One row per model, protocol and seed: what its folds say together, in which every cell is tested once. `auroc`
compares cells of one fold only."""

_DIFFERENCE = pa.Check.in_range(-1, 1)
AUDIT_IMBALANCE = _table(
    {
        "balancing": _one_of(Balancing),
        "measure": _text(),
        "value": pa.Column(float, checks=_UNIT),
        "low": pa.Column(float, checks=_UNIT, nullable=True),
        "high": pa.Column(float, checks=_UNIT, nullable=True),
        "difference": pa.Column(float, checks=_DIFFERENCE),
        "difference_low": pa.Column(float, checks=_DIFFERENCE, nullable=True),
        "difference_high": pa.Column(float, checks=_DIFFERENCE, nullable=True),
        "min_sensitivity": pa.Column(float, checks=_UNIT),
        "n_seeds": pa.Column("int64", checks=pa.Check.ge(1)),
    }
)
"""One row per way to balance the classes and measure, on cells that were held out by subject. `difference` is to the
forest with class weights, whose own is 0 without bounds; bounds are over subject groups. The last two columns are the
same for all rows: the sensitivity at which specificities are compared, and the divisions that every value is of."""

AREA_CORRELATIONS = _table(
    {
        "region": _one_of(Region),
        "feature": _text(pa.Check.isin(FEATURE_NAMES)),
        "pearson": pa.Column(float, checks=pa.Check.in_range(-1, 1), nullable=True),
        "spearman": pa.Column(float, checks=pa.Check.in_range(-1, 1), nullable=True),
    }
)
"""How much each feature repeats the area of the cell."""

IMPORTANCES = _table(
    {
        "feature": _text(pa.Check.isin(FEATURE_NAMES), unique=True),
        "impurity_importance": pa.Column(float, checks=_UNIT),
        "permutation_importance": pa.Column(float),
        "permutation_std": pa.Column(float, checks=pa.Check.ge(0)),
        "feature_group": _text(),
        "group_importance": pa.Column(float),
        "group_std": pa.Column(float, checks=pa.Check.ge(0)),
    }
)
"""One row per feature; permutation importances are losses of AUROC on the validation cells."""

HISTORY = _table(
    {
        "seed": pa.Column("int64", checks=pa.Check.ge(0)),
        "epoch": pa.Column("int64", checks=pa.Check.ge(1)),
        "train_loss": pa.Column(float),
        "train_auroc": pa.Column(float, checks=_UNIT),
        "validation_loss": pa.Column(float),
        "validation_auroc": pa.Column(float, checks=_UNIT),
        "kept": pa.Column(bool),
    }
)
"""One row per network (its seed) and epoch; `kept` marks the epoch whose weights the network ended with."""

EXTERNAL_PREDICTIONS = _table(
    {
        "image_id": _text(unique=True),
        "status": _one_of(Status),
        "reasons": _text(),
        "subject_id": _text(nullable=True),
        "subject_group": _text(nullable=True),
        "label": _one_of(CellLabel, nullable=True),
        "data_source": _text(),
        "blast_probability": pa.Column(float, checks=_UNIT, nullable=True),
        "calibrated_probability": pa.Column(float, checks=_UNIT, nullable=True),
        "call": _one_of(Decision, nullable=True),
        "confidence": pa.Column(float, checks=_UNIT, nullable=True),
        "decision": _one_of(Decision, nullable=True),
    },
    pa.Check(
        lambda files: (files["reasons"] != "")[files["blast_probability"].isna()].all(),
        error="a file without a score must carry a reason",
    ),
    _UNFIT_IS_UNRATED,
    _UNRATED_IS_REFERRED,
)
"""One row per file of a folder from outside. `confidence` is the calibrated probability that the call is right, and
`decision` the call or `refer`. A cell that is unfit, or could not be scored, is referred without call, confidence and
calibrated probability; a rejected file has no decision either."""
