"""Schemas of the tables that pass between pipelines: the `validator:` of their catalog entries."""

from enum import StrEnum

import pandas as pd
import pandera.pandas as pa

from blastscreen.vocabulary import (
    Balancing,
    CellLabel,
    Decision,
    Region,
    Split,
    SplitStrategy,
    Status,
    feature_columns,
    is_unfit,
)


def _text(*, nullable: bool = False, unique: bool = False) -> pa.Column:
    return pa.Column("str", nullable=nullable, unique=unique)


def _one_of(words: type[StrEnum], *, nullable: bool = False) -> pa.Column:
    return pa.Column("str", checks=pa.Check.isin([word.value for word in words]), nullable=nullable)


def _count() -> pa.Column:
    return pa.Column("Int64", checks=pa.Check.ge(0), nullable=True)


def _at_least(least: int, kind: object = "int64") -> pa.Column:
    return pa.Column(kind, checks=pa.Check.ge(least))


def _up_to_one(*, lowest: int = 0, nullable: bool = False) -> pa.Column:
    return pa.Column(float, checks=pa.Check.in_range(lowest, 1), nullable=nullable)


def _table(columns: dict[str, pa.Column], *checks: pa.Check) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, checks=list(checks), strict=True, ordered=True)


def _unscored_is_explained(what: str) -> pa.Check:
    return pa.Check(
        lambda rows: (rows["reasons"] != "")[rows["blast_probability"].isna()].all(),
        error=f"{what} without a score must carry a reason",
    )


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
"""One row per counted cell with its experimental role."""

CELL_FEATURES = _table(
    {
        "image_id": _text(unique=True),
        r"^(?!image_id$|reasons$)": pa.Column(float, nullable=True, regex=True),
        "reasons": _text(),
    },
    pa.Check(
        lambda cells: cells.loc[cells["reasons"] == "", feature_columns(cells)].notna().all(axis=None),
        error="a row without a reason must have every feature",
    ),
)
"""One row per counted cell, one column per feature; a row with a reason lacks one, and is kept out of models."""

PREDICTIONS = _table(CELL_SPLITS.columns | {"blast_probability": _up_to_one()})
"""The same for every model: one row per evaluated cell."""

CALIBRATED = _table(
    PREDICTIONS.columns | {"reasons": _text(), "call": _one_of(Decision), "confidence": _up_to_one(nullable=True)},
    _UNFIT_IS_UNRATED,
)
"""One row per evaluated cell. `blast_probability` is calibrated, `confidence` the calibrated probability that the call
is right; cells whose `reasons` make them unfit have none."""

TRIAGE = _table(CALIBRATED.columns | {"decision": _one_of(Decision)}, _UNFIT_IS_UNRATED, _UNRATED_IS_REFERRED)
"""One row per evaluated cell, as in `CALIBRATED`; `decision` is the call or `refer`."""

SUBJECTS = _table(
    {
        "subject_id": _text(),
        "subject_group": _text(),
        "label": _one_of(CellLabel),
        "split": _one_of(Split),
        "n_cells": _at_least(1),
        "n_right": _at_least(0),
        "rate": _up_to_one(),
        "mean_probability": _up_to_one(),
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
        "seed": _at_least(0),
        "n_folds": _at_least(2),
        "n_test_cells": _at_least(1),
        "n_test_groups": _at_least(1),
        "auroc": _up_to_one(),
        "accuracy": _up_to_one(),
        "f1_weighted": _up_to_one(),
        "data_source": _text(),
    }
)
"""One row per model, protocol and seed, over all folds; `auroc` compares cells of one fold only."""

AUDIT_IMBALANCE = _table(
    {
        "balancing": _one_of(Balancing),
        "measure": _text(),
        "value": _up_to_one(),
        "low": _up_to_one(nullable=True),
        "high": _up_to_one(nullable=True),
        "difference": _up_to_one(lowest=-1),
        "difference_low": _up_to_one(lowest=-1, nullable=True),
        "difference_high": _up_to_one(lowest=-1, nullable=True),
        "min_sensitivity": _up_to_one(),
        "n_seeds": _at_least(1),
    }
)
"""One row per way to balance the classes and measure, on cells held out by subject. `difference` is to the forest with
class weights; bounds are over subject groups, specificities at `min_sensitivity`, values over `n_seeds` divisions."""

AREA_CORRELATIONS = _table(
    {
        "region": _one_of(Region),
        "feature": _text(),
        "pearson": _up_to_one(lowest=-1, nullable=True),
        "spearman": _up_to_one(lowest=-1, nullable=True),
        "data_source": _text(),
    }
)
"""How far each feature is redundant with the area of the cell."""

IMPORTANCES = _table(
    {
        "feature": _text(unique=True),
        "impurity_importance": _up_to_one(nullable=True),
        "permutation_importance": pa.Column(float),
        "permutation_std": _at_least(0, float),
        "feature_group": _text(),
        "group_importance": pa.Column(float),
        "group_std": _at_least(0, float),
    }
)
"""One row per feature; permutation importances are losses of AUROC on the validation cells. Models without impurity
importances have none (NaN)."""

HISTORY = _table(
    {
        "seed": _at_least(0),
        "epoch": _at_least(1),
        "train_loss": pa.Column(float),
        "train_auroc": _up_to_one(),
        "validation_loss": pa.Column(float),
        "validation_auroc": _up_to_one(),
        "kept": pa.Column(bool),
    }
)
"""One row per network (its seed) and epoch; `kept` marks the epoch whose weights the network ended with."""

EXTERNAL_SCORES = _table(
    {
        "image_id": _text(unique=True),
        "reasons": _text(),
        "blast_probability": _up_to_one(nullable=True),
    },
    _unscored_is_explained("a cell"),
)
"""One row per cell from outside, as a model scores it; `reasons` say why it couldn't."""

EXTERNAL_PREDICTIONS = _table(
    {
        "image_id": _text(unique=True),
        "status": _one_of(Status),
        "reasons": _text(),
        "subject_id": _text(nullable=True),
        "subject_group": _text(nullable=True),
        "label": _one_of(CellLabel, nullable=True),
        "data_source": _text(),
        "blast_probability": _up_to_one(nullable=True),
        "calibrated_probability": _up_to_one(nullable=True),
        "call": _one_of(Decision, nullable=True),
        "confidence": _up_to_one(nullable=True),
        "decision": _one_of(Decision, nullable=True),
    },
    _unscored_is_explained("a file"),
    _UNFIT_IS_UNRATED,
    _UNRATED_IS_REFERRED,
)
"""One row per file of a folder from outside. `confidence` is the calibrated probability that the call is right, and
`decision` the call or `refer`. A cell that is unfit, or could not be scored, is referred without call, confidence and
calibrated probability; a rejected file has no decision either."""
