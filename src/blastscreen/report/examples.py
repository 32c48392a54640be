"""Cells that a model calls wrongly and is surest of, with what may have misled it."""

import base64
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import join_sources
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import Box, bounding_box, cell_mask, to_grey
from blastscreen.models.cell_batches import resize_cells
from blastscreen.models.gradcam import grad_cam
from blastscreen.parameters import ReportingParameters
from blastscreen.vocabulary import Refusal, Split, feature_columns, mark_blasts

Pixels = NDArray[np.uint8]
Heat = NDArray[np.float32]

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
    settings: ReportingParameters,
    *,
    model: str,
    network: Any = None,
) -> dict[str, Any]:
    """Gather the wrong calls of one model on the test cells: as many subjects as possible, the surest calls first.

    `model` is a title, `network` the Keras model that made the predictions, if one did.

    Returns:
        Ready for JSON. frame_side is in native pixels, the same for all pictures so that sizes compare; a cell has the
        confidence (None if unfit) and the decision of the triage, standing_out (see `describe_oddities`), against the
        training cells of its class, and the pictures thumbnail and heatmap (None without a network) as PNG in base64.

    Raises:
        Refusal: The tables come from different runs.
    """
    threshold = float(operating_point["threshold"])
    wrong = find_wrong_calls(predictions, triage, threshold=threshold)
    is_blast = mark_blasts(wrong["label"])
    kinds = {"false_positives": wrong[~is_blast], "false_negatives": wrong[is_blast]}
    chosen = {kind: spread_over_subjects(cells, n_cells=settings.error_cells) for kind, cells in kinds.items()}
    shown = {name: cell_images.cell(name) for cells in chosen.values() for name in cells["image_id"]}
    sizes = (part.stop - part.start for pixels in shown.values() for part in _find_cell(pixels))
    side = min(max(sizes, default=-2 * _MARGIN) + 2 * _MARGIN, cell_images.side)
    features = cell_features.set_index("image_id")[feature_columns(cell_features)]
    training = cell_splits.loc[cell_splits["split"] == Split.TRAIN, ["image_id", "label"]]
    training = training.merge(cell_features[cell_features["reasons"] == ""], on="image_id", validate="1:1")

    def describe(cell: dict[Any, Any]) -> dict[str, Any]:
        pixels = shown[cell["image_id"]]
        of_class = training.loc[training["label"] == cell["label"], list(features)]
        window = _window(pixels, side)
        coloured = None if network is None else overlay_heat(pixels, map_heat(network, pixels))
        return {
            "image_id": cell["image_id"],
            "subject_id": cell["subject_id"],
            "blast_probability": float(cell["blast_probability"]),
            "confidence": None if pd.isna(cell["confidence"]) else float(cell["confidence"]),
            "decision": str(cell["decision"]),
            "standing_out": describe_oddities(features.loc[cell["image_id"]], of_class),
            "thumbnail": _encode(pixels[window]),
            "heatmap": None if coloured is None else _encode(coloured[window]),
        }

    return {
        "model": model,
        "threshold": threshold,
        "split": str(Split.TEST),
        "data_source": join_sources(predictions),
        **{f"n_{kind}": len(cells) for kind, cells in kinds.items()},
        "frame_side": side,
        **{kind: [describe(cell) for cell in cells.to_dict("records")] for kind, cells in chosen.items()},
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
    return cells[called != mark_blasts(cells["label"])]


def spread_over_subjects(wrong: pd.DataFrame, *, n_cells: int) -> pd.DataFrame:
    """Choose cells so that every subject has its surest wrong call in before any has its second, the surest first."""
    surest_first = wrong.sort_values(["confidence", "image_id"], ascending=[False, True])
    turn = surest_first.groupby("subject_id").cumcount()
    # stable, so that within a turn the surest stay first
    chosen = turn.sort_values(kind="stable").index[:n_cells]
    return surest_first[surest_first.index.isin(chosen)]


def describe_oddities(cell: "pd.Series[float]", reference: pd.DataFrame) -> list[dict[Any, Any]]:
    """Find the features of a cell that lie furthest from those of a reference.

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


def map_heat(network: Any, pixels: Pixels) -> Heat:
    """Map what drove a network's score of a cell at native scale, by Grad-CAM: (side, side), 0 to 1."""
    seen = resize_cells(pixels[np.newaxis], side=network.input_shape[1])[0]
    heat = cv2.resize(grad_cam(network, seen), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(heat, np.float32)


def overlay_heat(pixels: Pixels, heat: Heat) -> Pixels:
    """Lay a map over a cell in viridis, whose steps look alike in size; where the map is 0 the cell stays as it is."""
    colours = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    opacity = _OPACITY * heat[..., np.newaxis]
    return np.rint((1 - opacity) * pixels + opacity * colours).astype(np.uint8)


def _find_cell(pixels: Pixels) -> Box:
    return bounding_box(cell_mask(to_grey(pixels)), margin=0)


def _window(pixels: Pixels, side: int) -> tuple[slice, ...]:
    """Place a square around the middle of the cell, within the frame."""
    middles = [part.start + part.stop for part in _find_cell(pixels)]
    starts = [min(max((middle - side) // 2, 0), len(pixels) - side) for middle in middles]
    return tuple(slice(start, start + side) for start in starts)


def _encode(pixels: Pixels) -> str:
    """Shrink a square picture to `THUMBNAIL_SIDE` if it is larger, and write it as PNG in base64."""
    small = resize_cells(pixels[np.newaxis], side=min(len(pixels), THUMBNAIL_SIDE))[0]
    _, encoded = cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return base64.b64encode(encoded.tobytes()).decode("ascii")
