"""Which cells are unlike those that a model knows, so that it must not decide on them."""

from typing import Any

import pandas as pd

from blastscreen.cohort.index import join_sources
from blastscreen.vocabulary import GENERATED_SAMPLE, ReasonCode, Refusal, Split, Status, is_unfit

TAIL = 0.005  # share of the training cells at either end of the areas that the range leaves out
MARGIN = 0.1  # how much wider the range is than the rest of them: other people's cells differ a little


def measure_training_cells(cell_index: pd.DataFrame, cell_splits: pd.DataFrame) -> dict[str, Any]:
    """Measure, ready for JSON, the areas (pixels) of the training cells that are fit themselves.

    Low and high are the quantiles `TAIL` and 1 - `TAIL`, widened by `MARGIN`.

    Raises:
        Refusal: No training cell is fit.
    """
    training = cell_splits.loc[cell_splits["split"] == Split.TRAIN, "image_id"]
    cells = cell_index[cell_index["image_id"].isin(training)]
    area = cells.loc[~is_unfit(cells["reasons"]), "cell_area"].astype(float)
    if area.empty:
        raise Refusal(f"none of {len(cells):,} training cells is fit. Look at the reasons in the cell index")
    low, high = area.quantile([TAIL, 1 - TAIL])
    allowed = {"low": low * (1 - MARGIN), "high": high / (1 - MARGIN)}
    return {"data_source": join_sources(cells), "n_cells": len(area), "cell_area": allowed}


def list_reasons(cell_index: pd.DataFrame, training_range: dict[str, Any]) -> "pd.Series[str]":
    """List by image_id all reasons of each file, joined by ";", and in what it is unlike what a model learned from."""
    area, allowed = cell_index["cell_area"].astype(float), training_range["cell_area"]
    learned_drawn = GENERATED_SAMPLE in training_range["data_source"]
    unlike = {
        ReasonCode.SMALL_CELL: area < allowed["low"],
        ReasonCode.LARGE_CELL: area > allowed["high"],
        ReasonCode.DRAWN_MODEL: (cell_index["data_source"] != GENERATED_SAMPLE) & learned_drawn,
    }
    reasons = cell_index["reasons"]
    for code, cells in unlike.items():
        reasons = reasons.mask(cells & (cell_index["status"] != Status.REJECTED), reasons + f";{code}")
    return reasons.str.strip(";").set_axis(cell_index["image_id"])
