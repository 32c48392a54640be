from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from blastscreen.datasets import PartFolder
from blastscreen.features.measurement import measure_features
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import to_grey
from blastscreen.parameters import ComputeParameters
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import CellKind, plan_sample
from blastscreen.vocabulary import CellLabel

SEED = 42
SAMPLE = plan_sample(n_cells=480, n_subjects=24, seed=SEED)
ORDINARY = [plan for plan in SAMPLE if plan.kind == CellKind.ORDINARY]


@pytest.fixture(scope="module")
def measure(feature_settings, tmp_path_factory):
    """Measure the features of pictures, and their mean red, green and blue."""
    compute = ComputeParameters(backend="threading", n_jobs=1, scheduler="", batch_size=50)

    def make(pictures):
        stack = CellStack(
            image_ids=[f"{number:03}" for number in range(len(pictures))],
            side=450,
            read=lambda start, stop: np.stack(pictures[start:stop]),
        )
        finished = PartFolder(filepath=str(tmp_path_factory.mktemp("parts"))).load()
        table = measure_features(stack, finished, settings=feature_settings(region="cell"), compute=compute)
        colours = [picture[picture.any(axis=2)].mean(axis=0) for picture in pictures]
        return table.drop(columns=["image_id", "reasons"]).join(pd.DataFrame(colours, columns=["red", "green", "blue"]))

    return make


@pytest.fixture(scope="module")
def drawn(measure):
    """Half of the ordinary cells of the default sample, measured."""
    plans = ORDINARY[::2]
    table = measure([draw_cell(plan, seed=SEED) for plan in plans])
    return table.assign(label=[plan.label.value for plan in plans], subject_id=[plan.subject_id for plan in plans])


@pytest.fixture(scope="module")
def real(cnmc, measure):
    """The original C-NMC cells, measured."""
    paths = sorted((cnmc / "C-NMC_training_data").rglob("*.bmp"))
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    return measure(images).assign(label=[path.parent.name for path in paths])


def touches_border(pixels):
    return any(edge.any() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def count_objects(pixels):
    return cv2.connectedComponents((to_grey(pixels) > 0).astype(np.uint8), connectivity=8)[0] - 1


def select_features(table):
    return table.drop(columns=["red", "green", "blue", "label", "subject_id"])


def forest_auroc(table, folds, groups=None):
    forest = RandomForestClassifier(n_estimators=50, random_state=0, n_jobs=1)
    is_blast = table["label"] == CellLabel.ALL
    scores = cross_val_predict(
        forest, select_features(table), is_blast, cv=folds, groups=groups, method="predict_proba"
    )
    return roc_auc_score(is_blast, scores[:, np.unique(is_blast).tolist().index(True)])


def test_a_cell_is_the_same_in_any_order_and_on_any_thread():
    plans = SAMPLE[::60]
    one_by_one = [draw_cell(plan, seed=SEED) for plan in plans]
    backwards = [draw_cell(plan, seed=SEED) for plan in reversed(plans)][::-1]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda plan: draw_cell(plan, seed=SEED), plans))
    for first, second, third in zip(one_by_one, backwards, together, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)


def test_a_cell_does_not_depend_on_opencv_threads():
    before = cv2.getNumThreads()
    many = [draw_cell(plan, seed=SEED) for plan in SAMPLE[:4]]
    try:
        cv2.setNumThreads(1)
        single = [draw_cell(plan, seed=SEED) for plan in SAMPLE[:4]]
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(many, single)


def test_another_seed_draws_another_cell():
    assert (draw_cell(SAMPLE[0], seed=SEED) != draw_cell(SAMPLE[0], seed=SEED + 1)).any()


def test_an_ordinary_cell_is_one_whole_object_on_black():
    for plan in ORDINARY[::12]:
        pixels = draw_cell(plan, seed=SEED)
        assert pixels.shape == (450, 450, 3)
        assert pixels.dtype == np.uint8
        assert count_objects(pixels) == 1
        inside = pixels.any(axis=2)
        assert 0.05 < inside.mean() < 0.3
        # what is not black belongs to the cell: no colour rounds to grey 0
        np.testing.assert_array_equal(inside, to_grey(pixels) > 0)
        assert not touches_border(pixels)


def test_awkward_frames_show_what_they_are_planned_for():
    seen = Counter(plan.kind for plan in SAMPLE)
    assert seen == {CellKind.ORDINARY: 471, CellKind.BORDER: 3, CellKind.SPECK: 3, CellKind.PAIR: 3}
    for plan in SAMPLE:
        if plan.kind == CellKind.ORDINARY:
            continue
        pixels = draw_cell(plan, seed=SEED)
        area = np.count_nonzero(to_grey(pixels))
        assert touches_border(pixels) == (plan.kind == CellKind.BORDER)
        assert count_objects(pixels) == (2 if plan.kind == CellKind.PAIR else 1)
        assert (0 < area < 60) if plan.kind == CellKind.SPECK else (area > 8_000)


def test_areas_are_those_published_for_c_nmc(drawn):
    area = drawn.groupby("label")["area"]
    assert area.mean()[CellLabel.ALL] == pytest.approx(36_244, abs=1_500)
    assert area.mean()[CellLabel.HEM] == pytest.approx(26_544, abs=1_500)
    assert area.std()[CellLabel.ALL] == pytest.approx(7_176, abs=1_200)
    assert area.std()[CellLabel.HEM] == pytest.approx(7_762, abs=1_200)
    assert 0.72 < roc_auc_score(drawn["label"] == CellLabel.ALL, drawn["area"]) < 0.88


def test_grey_levels_are_those_of_c_nmc(drawn):
    by_label = drawn.groupby("label")[["intensity_mean", "intensity_std"]].mean()
    assert by_label["intensity_mean"].between(44.5, 51).all()
    assert by_label["intensity_std"].between(8.5, 11).all()


def test_classes_differ_but_not_trivially_and_splitting_by_image_flatters(drawn):
    by_subject = np.mean(
        [
            forest_auroc(drawn, StratifiedGroupKFold(4, shuffle=True, random_state=seed), drawn["subject_id"])
            for seed in range(2)
        ]
    )
    by_image = forest_auroc(drawn, StratifiedKFold(4, shuffle=True, random_state=0))
    assert 0.72 < by_subject < 0.9
    assert by_image > by_subject + 0.02


def test_a_forest_recognises_subjects(drawn):
    forest = RandomForestClassifier(n_estimators=50, random_state=0, n_jobs=1)
    of_all = drawn[drawn["label"] == CellLabel.ALL]
    guess = cross_val_predict(
        forest, select_features(of_all), of_all["subject_id"], cv=StratifiedKFold(3, shuffle=True, random_state=0)
    )
    largest_share = of_all["subject_id"].value_counts(normalize=True).max()
    assert (guess == of_all["subject_id"]).mean() > 2 * largest_share


def test_two_subjects_of_each_class_share_identical_images():
    by_drawing = {}
    for plan in SAMPLE:
        by_drawing.setdefault(plan.drawing, []).append(plan)
    shared = [plans for plans in by_drawing.values() if len(plans) > 1]
    assert Counter(plans[0].label for plans in shared) == {CellLabel.ALL: 2, CellLabel.HEM: 2}
    for first, second in shared:
        assert first.label == second.label
        assert first.subject_id != second.subject_id
        np.testing.assert_array_equal(draw_cell(first, seed=SEED), draw_cell(second, seed=SEED))


def test_images_are_equal_only_where_planned():
    images = [draw_cell(plan, seed=SEED).tobytes() for plan in SAMPLE[::12]]
    assert len(set(images)) == len({plan.drawing for plan in SAMPLE[::12]})


@pytest.mark.parametrize("label", list(CellLabel))
def test_mean_statistics_are_within_the_spread_of_single_real_cells(drawn, real, label):
    """Size is left out, as the few real cells at hand are larger than the published mean, and single edges."""
    of_real = real[real["label"] == label].drop(columns=["label", "area", "perimeter", "edge_density"])
    of_drawn = drawn.loc[drawn["label"] == label, of_real.columns]
    distance = (of_drawn.mean() - of_real.mean()).abs() / of_real.std()
    assert (distance < 0.8).all(), distance
