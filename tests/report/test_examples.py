"""Examples of wrong calls: which cells, how odd, and what is drawn of them."""

import base64
import json

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import median_abs_deviation

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.gradcam import grad_cam
from blastscreen.models.network import build_network
from blastscreen.parameters import ReportingParameters
from blastscreen.report.examples import (
    describe_oddities,
    gather_errors,
    map_heat,
    overlay_heat,
    spread_over_subjects,
)

SIDE = 400
# of the discs that are the cells, by the name of the cell
RADII = {"b1": 60, "b2": 100, "h1": 40, "h2": 50, "h3": 50, "v1": 199, "t1": 50, "t2": 52, "t3": 48, "t4": 70}
LABELS = {name: "all" if name[0] in "b" else "hem" for name in RADII} | {"t4": "all"}
SPLITS = {name: "train" if name[0] == "t" else "validation" if name[0] == "v" else "test" for name in RADII}
SCORES = {"b1": 0.6, "b2": 0.2, "h1": 0.9, "h2": 0.7, "h3": 0.1, "v1": 0.9}
OPERATING_POINT = {"threshold": 0.65}


def read(start, stop):
    distance = np.hypot(*(np.mgrid[:SIDE, :SIDE] - SIDE // 2))
    return np.stack([np.uint8(120) * (distance < radius)[..., None] for radius in list(RADII.values())[start:stop]]) + (
        np.zeros(3, np.uint8)
    )


@pytest.fixture(scope="module")
def tables():
    names = list(RADII)
    splits = pd.DataFrame({"image_id": names, "subject_id": "1", "subject_group": "1", "data_source": "a test"})
    splits = splits.assign(label=splits["image_id"].map(LABELS), split=splits["image_id"].map(SPLITS))
    predictions = splits[splits["split"] != "train"].reset_index(drop=True)
    predictions["blast_probability"] = predictions["image_id"].map(SCORES)
    triage = predictions.assign(confidence=[0.55, 0.8, 0.9, 0.6, 0.9, 0.9], decision="refer")
    features = pd.DataFrame(1.0, index=range(len(names)), columns=["area", "solidity", "edge_density"])
    features.insert(0, "image_id", names)
    features["area"] = [float(radius) for radius in RADII.values()]
    features["reasons"] = ""
    return predictions, triage, splits, features


def gather(tables, n_cells=8, network=None):
    predictions, triage, splits, features = tables
    stack = CellStack(image_ids=RADII, side=SIDE, read=read)
    settings = ReportingParameters(sheet_cells=1, sheet_columns=1, error_cells=n_cells)
    return gather_errors(
        predictions, triage, OPERATING_POINT, stack, features, splits, settings, model="a model", network=network
    )


def decode(picture):
    return cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR_RGB)


def names(errors, kind):
    return [cell["image_id"] for cell in errors[kind]]


def test_wrong_calls_of_the_test_cells_at_the_operating_point_the_surest_first(tables):
    errors = gather(tables)
    assert names(errors, "false_positives") == ["h1", "h2"]
    assert names(errors, "false_negatives") == ["b2", "b1"]
    assert (errors["n_false_positives"], errors["n_false_negatives"], errors["threshold"]) == (2, 2, 0.65)
    json.dumps(errors, allow_nan=False)


def test_the_numbers_count_all_wrong_calls_though_few_are_shown(tables):
    errors = gather(tables, n_cells=1)
    assert names(errors, "false_positives") == ["h1"]
    assert errors["n_false_positives"] == 2


def test_every_subject_comes_first_before_any_comes_twice():
    wrong = pd.DataFrame(
        {
            "image_id": ["b", "d", "c", "a"],
            "subject_id": ["1", "1", "2", "1"],
            "confidence": [0.8, 0.9, 0.6, 0.8],
        }
    )
    assert spread_over_subjects(wrong, n_cells=2)["image_id"].tolist() == ["d", "c"]
    assert spread_over_subjects(wrong, n_cells=3)["image_id"].tolist() == ["d", "a", "c"]


def test_features_are_compared_with_the_training_cells_of_the_true_class(tables):
    odd = gather(tables)["false_positives"][0]["standing_out"]
    # training cells of hem have 50, 52 and 48; no other feature varies
    assert odd == [{"feature": "area", "value": 40.0, "z": -3.372, "class_median": 50.0}]
    assert round((40 - 50) / median_abs_deviation([50, 52, 48], scale="normal"), 3) == -3.372


def test_a_cell_with_reasons_is_no_reference(tables):
    predictions, triage, splits, features = tables
    features = features.assign(reasons=np.where(features["image_id"] == "t3", "non_finite:solidity", ""))
    odd = gather((predictions, triage, splits, features))["false_positives"][0]["standing_out"]
    assert odd[0]["class_median"] == 51.0


def test_the_furthest_feature_comes_first_whichever_way_it_lies():
    reference = pd.DataFrame({name: [9.0, 10.0, 11.0] for name in "abcd"})
    odd = describe_oddities(pd.Series({"a": 11.0, "b": 8.0, "c": 10.5, "d": 13.0}), reference)
    assert [(row["feature"], row["z"]) for row in odd] == [("d", 2.023), ("b", -1.349), ("a", 0.674)]


def test_a_feature_that_a_cell_lacks_does_not_stand_out():
    reference = pd.DataFrame({"area": [1.0, 2.0, 4.0], "solidity": [0.1, 0.2, 0.4]})
    odd = describe_oddities(pd.Series({"area": np.nan, "solidity": 0.9}), reference)
    assert [row["feature"] for row in odd] == ["solidity"]


def test_pictures_share_a_scale_and_show_the_whole_of_the_largest_cell(tables):
    errors = gather(tables)
    cells = errors["false_positives"] + errors["false_negatives"]
    pictures = {cell["image_id"]: decode(cell["thumbnail"]) for cell in cells}
    assert errors["frame_side"] == 2 * 100 - 1 + 2 * 8
    assert {picture.shape for picture in pictures.values()} == {(160, 160, 3)}
    widths = {name: int((picture.max(axis=(0, 2)) > 60).sum()) for name, picture in pictures.items()}
    scale = 160 / errors["frame_side"]
    assert widths == {name: pytest.approx((2 * RADII[name] - 1) * scale, abs=2) for name in pictures}
    assert all(picture[[0, -1]].max() == 0 for picture in pictures.values())


def test_a_small_picture_is_not_enlarged(tables):
    predictions, *others = tables
    # the only wrong call is that of the smallest cell
    right = predictions.assign(blast_probability=[0.9, 0.9, 0.9, 0.1, 0.1, 0.1])
    errors = gather((right, *others))
    assert decode(errors["false_positives"][0]["thumbnail"]).shape == (95, 95, 3)
    assert errors["false_negatives"] == []


def test_no_errors_leave_no_examples(tables):
    predictions, *others = tables
    right = predictions.assign(blast_probability=[0.9, 0.9, 0.1, 0.1, 0.1, 0.1])
    errors = gather((right, *others))
    assert (errors["n_false_positives"], errors["false_positives"], errors["frame_side"]) == (0, [], 0)


def test_an_unfit_cell_has_no_confidence_and_comes_last(tables):
    predictions, triage, *others = tables
    first = gather(tables)["false_positives"][0]["image_id"]
    unfit = triage.assign(confidence=triage["confidence"].mask(triage["image_id"] == first))
    found = gather((predictions, unfit, *others))["false_positives"]
    assert (found[-1]["image_id"], found[-1]["confidence"]) == (first, None)
    json.dumps(found, allow_nan=False)


def test_a_triage_of_other_cells_is_refused(tables):
    predictions, triage, *others = tables
    with pytest.raises(ValueError, match="come from different runs: 1 test cells"):
        gather((predictions, triage[triage["image_id"] != "h3"], *others))


def test_the_map_colours_where_it_is_high_and_leaves_the_rest():
    pixels, heat = read(0, 1)[0], np.zeros((SIDE, SIDE), np.float32)
    heat[:, : SIDE // 2] = 1
    coloured = overlay_heat(pixels, heat).astype(int)
    np.testing.assert_array_equal(coloured[:, SIDE // 2 :], pixels[:, SIDE // 2 :])
    # viridis ends in yellow
    red, green, blue = coloured[SIDE // 2, SIDE // 2 - 20]
    assert min(red, green) > blue + 60


def test_only_a_network_gets_maps(tables, cnn_settings):
    assert gather(tables)["false_positives"][0]["heatmap"] is None
    cell = gather(tables, n_cells=1, network=build_network(cnn_settings()))["false_positives"][0]
    assert decode(cell["heatmap"]).shape == decode(cell["thumbnail"]).shape


def test_colours_are_those_of_viridis():
    import matplotlib

    black = np.zeros((1, 3, 3), np.uint8)
    heat = np.array([[0.0, 0.5, 1.0]], np.float32)
    expected = 0.65 * heat[..., None] * matplotlib.colormaps["viridis"](heat)[..., :3] * 255
    np.testing.assert_allclose(overlay_heat(black, heat), expected, atol=2)


def test_the_network_sees_the_cell_at_its_own_side_and_the_map_comes_back_at_the_cells(cnn_settings):
    network = build_network(cnn_settings())
    pixels = read(0, 1)[0]
    heat = map_heat(network, pixels)
    seen = cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(heat, cv2.resize(grad_cam(network, seen), (SIDE, SIDE)), atol=1e-6)
