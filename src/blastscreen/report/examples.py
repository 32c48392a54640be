"""The cells that a model calls wrongly and is surest of, with what may have misled it."""

import base64
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.models.cell_batches import resize_cells
from blastscreen.models.gradcam import grad_cam
from blastscreen.schemas import feature_columns
from blastscreen.vocabulary import POSITIVE_LABEL, Refusal, Split

Pixels = NDArray[np.uint8]
Explain = Callable[[Pixels], NDArray[np.float32]]

THUMBNAIL_SIDE = 160
N_STANDING_OUT = 3
# of native pixels around the largest cell, so that its outline is seen
_MARGIN = 8
# of the colour where the map is 1; the cell shows through
_OPACITY = 0.65


def gather_errors(
    predictions: pd.DataFrame,
    triage: pd.DataFrame,
    operating_point: dict[str, Any],
    cell_images: CellStack,
    cell_features: pd.DataFrame,
    cell_splits: pd.DataFrame,
    *,
    model: str,
    n_cells: int,
    explain: Explain | None,
) -> dict[str, Any]:
    """Gather the wrong calls of one model on the test cells: as many subjects as possible, the surest calls first.

    Args:
        predictions: In the schema `PREDICTIONS`.
        triage: In the schema `TRIAGE`, of the same cells.
        operating_point: `threshold`: a cell at or above it is called a blast.
        cell_images: The standardised cells.
        cell_features: Their features.
        cell_splits: Their roles: features are compared with those of the training cells.
        model: What the model is called.
        n_cells: How many false positives, and how many false negatives, at most.
        explain: Maps a cell (side, side, 3) RGB to what drove its score, (side, side) 0 to 1; None for no maps.

    Returns:
        Ready for JSON: model, threshold, split, the numbers of all n_false_positives and n_false_negatives, frame_side
        (native pixels that each picture shows, the same for all so that sizes compare), and the chosen cells under
        false_positives and false_negatives. A cell has image_id, subject_id, blast_probability, the confidence (None if
        unfit) and the decision of the triage, standing_out (see `describe_oddities`), and the pictures thumbnail and
        heatmap (None without `explain`) as PNG in base64.

    Raises:
        ValueError: The tables speak of different cells.
    """
    threshold = float(operating_point["threshold"])
    wrong = find_wrong_calls(predictions, triage, threshold=threshold)
    is_blast = wrong["label"] == POSITIVE_LABEL
    chosen = {"false_positives": spread_over_subjects(wrong[~is_blast], n_cells=n_cells)}
    chosen["false_negatives"] = spread_over_subjects(wrong[is_blast], n_cells=n_cells)
    side = _common_side(cell_images, [name for cells in chosen.values() for name in cells["image_id"]])
    training = _join_training(cell_features, cell_splits)
    features = cell_features.set_index("image_id")[feature_columns(cell_features)]
    return {
        "model": model,
        "threshold": threshold,
        "split": str(Split.TEST),
        "n_false_positives": int((~is_blast).sum()),
        "n_false_negatives": int(is_blast.sum()),
        "frame_side": side,
        **{
            kind: [
                _describe_cell(cell, features, training, cell_images.cell(cell["image_id"]), side=side, explain=explain)
                for cell in cells.to_dict("records")
            ]
            for kind, cells in chosen.items()
        },
    }


def find_wrong_calls(predictions: pd.DataFrame, triage: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """Select the test cells that are called wrongly, with the triage's confidence in the call and its decision.

    Raises:
        Refusal: A test cell has no row in the triage.
    """
    test = predictions[predictions["split"] == Split.TEST]
    cells = test.merge(triage[["image_id", "confidence", "decision"]], on="image_id", how="left", validate="1:1")
    n_missing = int(cells["decision"].isna().sum())
    if n_missing:
        raise Refusal(
            f"predictions and triage come from different runs: {n_missing} test cells are in one of them only. "
            "Load the versions of one run for both, or run the evaluation again"
        )
    called = cells["blast_probability"] >= threshold
    return cells[called != (cells["label"] == POSITIVE_LABEL)]


def spread_over_subjects(wrong: pd.DataFrame, *, n_cells: int) -> pd.DataFrame:
    """Choose cells so that every subject has its surest wrong call in before any has its second.

    Args:
        wrong: image_id, subject_id, confidence.
        n_cells: How many at most.

    Returns:
        The chosen rows, the surest call first.
    """
    surest_first = wrong.sort_values(["confidence", "image_id"], ascending=[False, True])
    turn = surest_first.groupby("subject_id").cumcount()
    # stable, so that within a turn the surest stay first
    chosen = surest_first.loc[turn.sort_values(kind="stable").index[:n_cells]]
    return chosen.sort_values(["confidence", "image_id"], ascending=[False, True])


def describe_oddities(cell: "pd.Series[float]", reference: pd.DataFrame) -> list[dict[Any, Any]]:
    """Name the features of a cell that lie furthest from those of a reference.

    Args:
        cell: A feature per name.
        reference: The same features of many cells, (n, features).

    Returns:
        Up to `N_STANDING_OUT` features, the furthest first: feature, value, class_median (of the reference), and z,
        the distance between the two in robust standard deviations (1.4826 times the median absolute deviation). A
        feature that the cell lacks, or that does not vary in the reference, has no z and is not among them.

    Examples:
        >>> reference = pd.DataFrame({"area": [90.0, 100.0, 110.0], "solidity": [1.0, 1.0, 1.0]})
        >>> describe_oddities(pd.Series({"area": 144.478, "solidity": 0.9}), reference)
        [{'feature': 'area', 'value': 144.478, 'z': 3.0, 'class_median': 100.0}]
    """
    from scipy.stats import median_abs_deviation

    medians = reference.median()
    spread = pd.Series(median_abs_deviation(reference.to_numpy(), axis=0, scale="normal"), index=reference.columns)
    z = ((cell - medians) / spread[spread > 0]).dropna()
    found = pd.DataFrame({"value": cell, "z": z.round(3), "class_median": medians}).loc[z.index]
    furthest = found.sort_values("z", key=abs, ascending=False, kind="stable").head(N_STANDING_OUT)
    return furthest.rename_axis("feature").reset_index().to_dict("records")


def explain_network(network: Any) -> Explain:
    """Give the function that maps what drove a network's score of a cell, by Grad-CAM.

    Args:
        network: A Keras model, the result of `blastscreen.models.training.train_network`.

    Returns:
        From pixels (side, side, 3) RGB at native scale to (side, side), 0 to 1.
    """

    def explain(pixels: Pixels) -> NDArray[np.float32]:
        seen = resize_cells(pixels[np.newaxis], side=network.input_shape[1])[0]
        heat = cv2.resize(grad_cam(network, seen), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(heat, np.float32)

    return explain


def overlay_heat(pixels: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """Lay a map over a cell: viridis, whose steps look alike in size, the clearer the less there is to see.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        heat: (h, w), 0 to 1; where it is 0 the cell stays as it is.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    colours = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    opacity = _OPACITY * heat[..., np.newaxis]
    return np.rint((1 - opacity) * pixels + opacity * colours).astype(np.uint8)


def _join_training(cell_features: pd.DataFrame, cell_splits: pd.DataFrame) -> pd.DataFrame:
    """Select label and features of the training cells that have all features."""
    training = cell_splits.loc[cell_splits["split"] == Split.TRAIN, ["image_id", "label"]]
    table = training.merge(cell_features, on="image_id", how="inner", validate="1:1")
    return table.loc[table["reasons"] == "", ["label", *feature_columns(cell_features)]]


def _describe_cell(
    cell: dict[Any, Any],
    features: pd.DataFrame,
    training: pd.DataFrame,
    pixels: Pixels,
    *,
    side: int,
    explain: Explain | None,
) -> dict[str, Any]:
    of_class = training.loc[training["label"] == cell["label"], features.columns]
    window = _window(pixels, side)
    heatmap = None if explain is None else _encode(overlay_heat(pixels, explain(pixels))[window])
    return {
        "image_id": cell["image_id"],
        "subject_id": cell["subject_id"],
        "blast_probability": float(cell["blast_probability"]),
        "confidence": None if pd.isna(cell["confidence"]) else float(cell["confidence"]),
        "decision": str(cell["decision"]),
        "standing_out": describe_oddities(features.loc[cell["image_id"]], of_class),
        "thumbnail": _encode(pixels[window]),
        "heatmap": heatmap,
    }


def _extent(pixels: Pixels) -> NDArray[np.intp]:
    """Find the box of the cell: first and last row and column, ((top, bottom), (left, right))."""
    places = np.argwhere(cell_mask(to_grey(pixels)))
    return np.stack([places.min(axis=0), places.max(axis=0)], axis=1)


def _common_side(cell_images: CellStack, image_ids: list[str]) -> int:
    """Find the side of the smallest square that any of the cells fits into, with a margin; 0 without cells."""
    sides = [int(np.ptp(_extent(cell_images.cell(image_id)), axis=1).max()) + 1 for image_id in image_ids]
    return min(max(sides) + 2 * _MARGIN, cell_images.side) if sides else 0


def _window(pixels: Pixels, side: int) -> tuple[slice, slice]:
    """Place a square around the middle of the cell, within the frame."""
    starts = np.clip((_extent(pixels).sum(axis=1) + 1 - side) // 2, 0, len(pixels) - side)
    rows, columns = (slice(int(start), int(start) + side) for start in starts)
    return rows, columns


def _encode(pixels: Pixels) -> str:
    """Shrink a square picture to `THUMBNAIL_SIDE` if it is larger, and write it as PNG in base64."""
    small = resize_cells(pixels[np.newaxis], side=min(len(pixels), THUMBNAIL_SIDE))[0]
    _, encoded = cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return base64.b64encode(encoded.tobytes()).decode("ascii")
