"""Scores of cells by a trained network."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.cell_batches import BLOCK, CellBatches, Order, locate_cells
from blastscreen.models.network import Network
from blastscreen.models.training import configure_runtime
from blastscreen.parameters import CnnParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, Refusal


def predict_images(
    network: Network, cell_images: CellStack, cell_splits: pd.DataFrame, settings: CnnParameters
) -> pd.DataFrame:
    """Predict the validation and test cells, in the schema `PREDICTIONS`, sorted by image_id.

    Raises:
        Refusal: Stack and table hold different cells.
    """
    positions, _ = locate_cells(cell_images, cell_splits, *EVALUATED_SPLITS)
    scores = _score_cells(network, cell_images, positions, settings)
    return cell_splits.merge(scores, on="image_id", validate="1:1").sort_values("image_id", ignore_index=True)


def score_images(network: Network, external_images: CellStack, settings: CnnParameters) -> pd.DataFrame:
    """Score every cell from outside, in the schema `EXTERNAL_SCORES`."""
    scores = _score_cells(network, external_images, np.arange(len(external_images)), settings)
    return scores.assign(reasons="")[["image_id", "reasons", "blast_probability"]]


def _score_cells(network: Network, stack: CellStack, positions: Order, settings: CnnParameters) -> pd.DataFrame:
    configure_runtime(settings)
    side, labels = network.input_shape[1], np.zeros(len(positions), np.bool_)
    cells = CellBatches(stack, positions, labels, side, settings.batch_size, BLOCK, None)
    batches = (pixels for pixels, _ in cells.epoch(None))
    probabilities = predict_probabilities(network, batches, views=settings.test_time_views)
    image_ids = [stack.image_ids[position] for position in positions]
    return pd.DataFrame({"image_id": image_ids, "blast_probability": probabilities})


def predict_probabilities(network: Network, batches: Iterable[NDArray[Any]], *, views: int) -> NDArray[np.float64]:
    """Predict the probability, shape (n,), that each cell of lazily read batches of RGB 0 to 255 is a leukemic blast.

    A cell has no orientation: with 8 views, not 1, the probability is the mean over the four quarter turns of the image
    and of its mirror image, so that it does not depend on how the cell happened to lie.

    Raises:
        ValueError: `views` is another number.
        Refusal: A batch does not fit the network.
    """
    if views not in (1, 8):
        raise ValueError(f"A cell is looked at in 1 or 8 views, not {views}.")
    means = [_predict_batch(network, pixels, views=views) for pixels in batches]
    return np.concatenate(means) if means else np.empty(0)


def _predict_batch(network: Network, pixels: NDArray[Any], *, views: int) -> NDArray[np.float64]:
    # a network that ends in a global average would take images of any size without a word
    if pixels.shape[1:] != network.input_shape[1:]:
        raise Refusal(f"The network takes images of {network.input_shape[1:]}, not {pixels.shape[1:]}: resize them.")
    # not `predict`: every call of it leaks a little memory
    probabilities = [network.predict_on_batch(view)[:, 0] for view in _views(pixels, views)]
    mean: NDArray[np.float64] = np.mean(probabilities, axis=0, dtype=np.float64)
    return mean


def _views(pixels: NDArray[Any], views: int) -> list[NDArray[Any]]:
    if views == 1:
        return [pixels]
    return [np.rot90(image, turns, axes=(1, 2)) for image in (pixels, pixels[:, :, ::-1]) for turns in range(4)]
