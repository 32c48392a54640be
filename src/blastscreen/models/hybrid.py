"""The hybrid of forest and network: the weighted mean of what both say of a cell."""

import logging

import pandas as pd

from blastscreen.evaluation.comparison import version_of
from blastscreen.parameters import HybridParameters
from blastscreen.vocabulary import Refusal, count_noun, name_some

logger = logging.getLogger(__name__)


def average_predictions(forest: pd.DataFrame, network: pd.DataFrame, settings: HybridParameters) -> pd.DataFrame:
    """Average the probabilities of two models (soft voting), in the schema `PREDICTIONS`, sorted by image_id.

    Nothing is fitted: the validation cells already decide when the network stops and where the threshold lies. A cell
    that one model left out is left out here and named in the log: one score alone is on another scale than the means.
    After Kittler et al., IEEE Transactions on Pattern Analysis and Machine Intelligence 20 (1998): the sum rule.

    Raises:
        Refusal: The tables were made on different splits.
    """
    identity = list(network.columns[:-1])
    merged = network.merge(forest, on="image_id", how="outer", suffixes=("", "_forest"), validate="1:1", indicator=True)
    cells = merged[merged["_merge"] == "both"].sort_values("image_id", ignore_index=True)
    contradicted = {
        f"another {column}": cells.loc[cells[column] != cells[f"{column}_forest"], "image_id"]
        for column in identity[1:]
    }
    left_out = {
        f"no score in {lacking}_predictions": merged.loc[merged["_merge"] == side, "image_id"].sort_values()
        for lacking, side in {"rf": "left_only", "cnn": "right_only"}.items()
    }
    found = [
        f"{count_noun(len(ids), 'cell')} with {what} ({name_some(ids)})"
        for what, ids in (contradicted | left_out).items()
        if len(ids)
    ]
    if any(map(len, contradicted.values())) or all(map(len, left_out.values())):
        raise Refusal(
            f"rf_predictions of version {version_of(forest)} and cnn_predictions of version {version_of(network)} were "
            f"made on different splits: {', '.join(found)}. "
            "Name versions of one split with --load-versions, or run both models again: kedro run --pipelines=hybrid"
        )
    if found:
        logger.warning("The hybrid leaves out %s: it needs both models' scores.", ", ".join(found))
    return cells[identity].assign(blast_probability=_average(cells, settings))


def average_scores(forest: pd.DataFrame, network: pd.DataFrame, settings: HybridParameters) -> pd.DataFrame:
    """Average scores in the schema `EXTERNAL_SCORES`; a cell that a model could not score has none, but its reasons."""
    cells = network.merge(forest, on="image_id", suffixes=("", "_forest"), validate="1:1")
    reasons = (cells["reasons_forest"] + ";" + cells["reasons"]).str.strip(";")
    return cells[["image_id"]].assign(reasons=reasons, blast_probability=_average(cells, settings))


def _average(cells: pd.DataFrame, settings: HybridParameters) -> "pd.Series[float]":
    weight = settings.forest_weight
    return weight * cells["blast_probability_forest"] + (1 - weight) * cells["blast_probability"]
