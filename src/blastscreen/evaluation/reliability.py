"""Probabilities against what came true of them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from blastscreen.evaluation.shares import share_interval
from blastscreen.vocabulary import POSITIVE_LABEL

N_BINS = 10


def bin_probabilities(cells: pd.DataFrame, *, confidence_level: float) -> list[dict[str, Any]]:
    """Compare the mean probability of each bin with its share of blasts.

    Args:
        cells: subject_group, label, blast_probability; of one split.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        Per bin of `assign_bins`: low and high (its extreme probabilities), mean_probability, blast_fraction, n_cells,
        n_groups, and the interval of blast_fraction, None where its cells are of one group.
    """
    is_blast, probability = to_arrays(cells)
    number = assign_bins(probability)
    return [
        {
            "low": float(probability[inside].min()),
            "high": float(probability[inside].max()),
            "mean_probability": float(probability[inside].mean()),
            "blast_fraction": float(is_blast[inside].mean()),
            "n_cells": int(inside.sum()),
            "n_groups": int(cells["subject_group"][inside].nunique()),
            "interval": share_interval(cells, is_blast & inside, inside, confidence_level=confidence_level),
        }
        for inside in (number == occurring for occurring in np.unique(number))
    ]


def calibration_error(is_blast: NDArray[np.bool_], probability: NDArray[np.float64]) -> float | None:
    """Compute how far the probabilities of ten bins are from their shares of blasts, on average over the cells.

    Args:
        is_blast: True labels, shape (n,).
        probability: 0 to 1, shape (n,).

    Returns:
        The expected calibration error, 0 to 1, on the bins of `assign_bins`; None without cells. Chance alone makes it
        larger than 0, the more so the fewer cells there are.

    Source:
        Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI (2015).
    """
    if len(probability) == 0:
        return None
    cells = pd.DataFrame({"bin": assign_bins(probability), "surplus": probability - is_blast})
    return float(cells.groupby("bin")["surplus"].sum().abs().sum() / len(cells))


def assign_bins(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number ten bins of equally many cells from the lowest probability upwards; equal probabilities share a bin.

    Args:
        probability: 0 to 1, shape (n,).

    Returns:
        0 to 9 for each cell. Where many cells are equal, bins are unequal or missing.

    Example:
        >>> assign_bins(np.array([0.1, 0.1, 0.1, 0.1, 0.9]))
        array([4, 4, 4, 4, 9])
    """
    middle_rank = rankdata(probability, method="average") - 0.5
    numbers: NDArray[np.int64] = (N_BINS * middle_rank / max(len(probability), 1)).astype(np.int64)
    return numbers


def to_arrays(cells: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Take what scikit-learn wants from a table of label and blast_probability: is_blast and probability."""
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    return is_blast, cells["blast_probability"].to_numpy(dtype=np.float64)
