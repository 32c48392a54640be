import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from blastscreen.cohort.names import parse_cell_name
from blastscreen.cohort.reference import CNMC_2019
from blastscreen.features.measurement import feature_names, measure_cell
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.parameters import FeatureParameters
from blastscreen.synthesis.__main__ import main
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import CellKind, plan_cohort, plan_sample
from blastscreen.synthesis.tree import encode_bmp, write_cell_tree, write_cells
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, CellLabel, Region

SEED = 42
SAMPLE = plan_sample(n_cells=480, n_subjects=24, seed=SEED)
ORDINARY = [plan for plan in SAMPLE if plan.kind == CellKind.ORDINARY]
FEATURES = FeatureParameters(
    groups=("shape", "texture", "intensity", "edges"),
    region=Region.CELL,
    gaussian_blur=False,
    canny_low=100,
    canny_high=200,
    rim_width=3,
)
FEATURE_NAMES = feature_names(FEATURES)
# Area and perimeter are left out, as the few real cells at hand are larger than the published mean; smooth cells have
# no Canny edges at all.
COMPARED_FEATURES = [name for name in FEATURE_NAMES if name not in ("area", "perimeter", "edge_density")]
SMALL_TREE = {"fold_0": {CellLabel.ALL: (5, 2), CellLabel.HEM: (4, 1)}, "fold_1": {CellLabel.HEM: (3, 3)}}


def measure(pixels):
    mask = cell_mask(to_grey(pixels))
    colours = dict(zip(("red", "green", "blue"), pixels[mask].mean(axis=0), strict=True))
    return measure_cell(pixels, mask, settings=FEATURES) | colours


def touches_border(pixels):
    return any(edge.any() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def count_objects(pixels):
    return cv2.connectedComponents((to_grey(pixels) > 0).astype(np.uint8), connectivity=8)[0] - 1


@pytest.fixture(scope="module")
def drawn():
    """Two of every three ordinary cells of the default sample, measured."""
    plans = [plan for position, plan in enumerate(ORDINARY) if position % 3]
    rows = [
        measure(draw_cell(plan, seed=SEED)) | {"label": plan.label.value, "subject_id": plan.subject_id}
        for plan in plans
    ]
    return pd.DataFrame(rows)


def forest_auroc(table, folds, groups=None):
    forest = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1)
    is_blast = table["label"] == CellLabel.ALL
    probability = cross_val_predict(
        forest, table[list(FEATURE_NAMES)], is_blast, cv=folds, groups=groups, method="predict_proba"
    )
    return roc_auc_score(is_blast, probability[:, list(np.unique(is_blast)).index(True)])


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
    for plan in ORDINARY[::5]:
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


def test_no_subject_of_the_sample_is_lost_to_awkward_frames():
    awkward = Counter(plan.subject_id for plan in SAMPLE if plan.kind != CellKind.ORDINARY)
    assert max(awkward.values()) == 1
    assert {plan.subject_id for plan in ORDINARY} == {plan.subject_id for plan in SAMPLE}


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
            for seed in range(3)
        ]
    )
    by_image = forest_auroc(drawn, StratifiedKFold(4, shuffle=True, random_state=0))
    assert 0.72 < by_subject < 0.9
    assert by_image > by_subject + 0.02


def test_a_forest_recognises_subjects(drawn):
    forest = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1)
    of_all = drawn[drawn["label"] == CellLabel.ALL]
    guess = cross_val_predict(
        forest, of_all[list(FEATURE_NAMES)], of_all["subject_id"], cv=StratifiedKFold(3, shuffle=True, random_state=0)
    )
    largest_share = of_all["subject_id"].value_counts(normalize=True).max()
    assert (guess == of_all["subject_id"]).mean() > 2 * largest_share


@pytest.mark.parametrize("statistic", ["red", "green", "blue", *COMPARED_FEATURES])
@pytest.mark.parametrize("label", list(CellLabel))
def test_mean_statistics_are_within_the_spread_of_single_real_cells(drawn, real, label, statistic):
    of_drawn = drawn.loc[drawn["label"] == label, statistic]
    of_real = real.loc[real["label"] == label, statistic]
    assert of_drawn.mean() == pytest.approx(of_real.mean(), abs=0.8 * of_real.std())


@pytest.fixture(scope="module")
def real(cnmc):
    """The original C-NMC cells, measured."""
    paths = sorted((cnmc / "C-NMC_training_data").rglob("*.bmp"))
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    return pd.DataFrame(
        [measure(image) | {"label": path.parent.name} for image, path in zip(images, paths, strict=True)]
    )


def test_names_of_the_sample_are_those_of_c_nmc():
    names = [plan.image_id for plan in SAMPLE]
    assert names == sorted(set(names))
    for plan in SAMPLE:
        name = parse_cell_name(plan.image_id)
        assert (name.subject_id, name.label, name.source_fold) == (plan.subject_id, plan.label, plan.source_fold)
        assert plan.image_id.startswith(f"{plan.source_fold}/{plan.label}/UID_")
    in_lower_case = {plan.subject_id for plan in SAMPLE if "UID_h" in plan.image_id}
    assert in_lower_case == {"H3"}
    assert not any("UID_H3_" in name for name in names)


def test_the_sample_has_the_subjects_and_the_uneven_shares_that_it_promises():
    cells = pd.DataFrame(
        {"subject_id": plan.subject_id, "label": plan.label.value, "fold": plan.source_fold} for plan in SAMPLE
    )
    assert len(cells) == 480
    subjects = cells.groupby("label")["subject_id"].unique()
    assert set(subjects[CellLabel.ALL]) == {str(number) for number in range(1, 13)}
    assert set(subjects[CellLabel.HEM]) == {f"H{number}" for number in range(1, 13)}
    assert cells["label"].value_counts()[CellLabel.ALL] == 288
    assert len(cells[["subject_id", "fold"]].drop_duplicates()) == 24
    assert (cells.groupby(["fold", "label"])["subject_id"].nunique() == 4).all()
    sizes = cells["subject_id"].value_counts()
    assert sizes.max() > 3 * sizes.min()


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
    images = [draw_cell(plan, seed=SEED).tobytes() for plan in SAMPLE[::6]]
    assert len(set(images)) == len({plan.drawing for plan in SAMPLE[::6]})


@pytest.mark.parametrize(("n_cells", "n_subjects"), [(40, 8), (60, 8), (64, 9), (320, 64), (2_000, 30)])
def test_every_class_keeps_three_groups_of_subjects_and_every_fold_one(n_cells, n_subjects):
    for seed in range(5):
        plans = plan_sample(n_cells=n_cells, n_subjects=n_subjects, seed=seed)
        assert len({plan.image_id for plan in plans}) == n_cells
        assert len({plan.subject_id for plan in plans}) == n_subjects
        subjects_of = {}
        for plan in plans:
            subjects_of.setdefault(plan.drawing, set()).add(plan.subject_id)
        joined = set().union(*(subjects for subjects in subjects_of.values() if len(subjects) > 1))
        for label in CellLabel:
            usable = [plan for plan in plans if plan.label == label and plan.kind != CellKind.SPECK]
            subjects = {plan.subject_id for plan in usable}
            assert len(subjects & joined) == 2
            assert len(subjects) - 1 >= 3
            alone = {plan.source_fold for plan in usable if plan.subject_id not in joined}
            # whichever of its folds the joined group goes to
            for home in {plan.source_fold for plan in usable if plan.subject_id in joined}:
                assert alone | {home} == {"fold_0", "fold_1", "fold_2"}


def test_a_tiny_sample_has_no_shared_images():
    plans = plan_sample(n_cells=24, n_subjects=4, seed=3)
    assert len(plans) == 24
    assert len({plan.drawing for plan in plans}) == 24
    assert Counter(plan.label for plan in {plan.subject_id: plan for plan in plans}.values()) == {"all": 2, "hem": 2}


def test_another_seed_plans_other_subjects():
    other = plan_sample(n_cells=480, n_subjects=24, seed=SEED + 1)
    assert {astuple(plan.traits) for plan in other} != {astuple(plan.traits) for plan in SAMPLE}


def test_impossible_samples_name_every_problem():
    with pytest.raises(ValueError, match=r"n_subjects must be at least 2.*n_cells must be at least 5.*seed"):
        plan_sample(n_cells=3, n_subjects=1, seed=-1)
    with pytest.raises(ValueError, match=r"n_cells must be a whole number, not '480'.*seed must be"):
        plan_sample(n_cells="480", n_subjects=24, seed=1.5)
    with pytest.raises(ValueError, match="n_subjects must be a whole number, not True"):
        plan_sample(n_cells=480, n_subjects=True, seed=1)


def test_the_c_nmc_plan_has_the_published_counts():
    plans = plan_cohort(CNMC_2019, seed=SEED)
    images = Counter((plan.source_fold, plan.label) for plan in plans)
    subjects = Counter((fold, label) for fold, label, _ in {(p.source_fold, p.label, p.subject_id) for p in plans})
    for fold, by_label in CNMC_2019.items():
        for label, (n_images, n_subjects) in by_label.items():
            assert (images[fold, label], subjects[fold, label]) == (n_images, n_subjects)
    assert len(plans) == 10_661
    assert len({plan.subject_id for plan in plans}) == 73
    assert len({plan.drawing for plan in plans}) == 10_661


@pytest.mark.parametrize("counts", [(2, 3), (2, 0)])
def test_counts_that_cannot_be_met_are_refused(counts):
    with pytest.raises(ValueError, match=f"fold_0/hem: 2 images cannot be divided among {counts[1]} subjects"):
        plan_cohort({"fold_0": {CellLabel.HEM: counts}}, seed=0)


def test_a_bmp_has_the_size_of_the_official_files_and_decodes_to_the_same_pixels():
    pixels = draw_cell(SAMPLE[0], seed=SEED)
    data = encode_bmp(pixels)
    assert len(data) == 608_454
    by_opencv = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(by_opencv[..., ::-1], pixels)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_bmp_is_laid_out_like_a_real_one(cnmc):
    real = (cnmc / "C-NMC_training_data/fold_0/all/UID_1_1_1_all.bmp").read_bytes()
    drawn = encode_bmp(draw_cell(SAMPLE[0], seed=SEED))
    assert len(drawn) == len(real)
    size, planes_and_bits = slice(0, 26), slice(26, 30)
    assert drawn[size] == real[size]
    assert drawn[planes_and_bits] == real[planes_and_bits]


def test_a_written_tree_holds_the_drawn_cells(tmp_path):
    root = tmp_path / "new" / "tree"
    written = []
    assert write_cell_tree(root, SMALL_TREE, seed=5, on_written=lambda: written.append(1)) == 12
    assert len(written) == 12
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.bmp"))
    assert (root / GENERATED_MARKER).read_text().strip() == GENERATED_SAMPLE
    plans = plan_cohort(SMALL_TREE, seed=5)
    assert paths == [plan.image_id for plan in plans]
    assert Counter(path.rpartition("/")[0] for path in paths) == {"fold_0/all": 5, "fold_0/hem": 4, "fold_1/hem": 3}
    for plan in plans[::4]:
        assert (root / plan.image_id).read_bytes() == encode_bmp(draw_cell(plan, seed=5))


def test_few_drawings_fill_a_tree_with_different_whole_cells(tmp_path):
    counts = {"fold_0": {CellLabel.ALL: (40, 2), CellLabel.HEM: (30, 2)}}
    write_cell_tree(tmp_path, counts, seed=5, distinct=2)
    images = [cv2.imread(str(path)) for path in sorted(tmp_path.rglob("*.bmp"))]
    assert len({image.tobytes() for image in images}) == 70
    histograms = {np.bincount(image.ravel(), minlength=256).tobytes() for image in images}
    assert len(histograms) == 4
    assert not any(touches_border(image) for image in images)


def test_too_few_drawings_are_refused_before_anything_is_written(tmp_path):
    plans = plan_cohort({"fold_0": {CellLabel.ALL: (3_529, 1)}}, seed=0)
    with pytest.raises(ValueError, match="distinct must be at least 2 for 3529 files of one label, not 1"):
        write_cells(tmp_path / "tree", plans, seed=0, distinct=1)
    assert not (tmp_path / "tree").exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        write_cell_tree(tmp_path, SMALL_TREE, seed=5)
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        write_cell_tree(tmp_path / "mine.txt", SMALL_TREE, seed=5)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_line_writes_the_sample(tmp_path, capsys):
    arguments = ["--cells", "20", "--subjects", "4", "--seed", "9"]
    main(["--out", str(tmp_path / "tree"), *arguments])
    assert "Wrote 20 drawn cells of 4 subjects" in capsys.readouterr().out
    plan = plan_sample(n_cells=20, n_subjects=4, seed=9)[7]
    assert (tmp_path / "tree" / plan.image_id).read_bytes() == encode_bmp(draw_cell(plan, seed=9))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cells", "1"], "n_cells must be at least 120 for 24 subjects"),
        (["--cnmc", "--distinct", "1"], "distinct must be at least 3"),
        (["--cells", "480", "--cnmc", "--subjects", "3"], "not allowed with"),
    ],
)
def test_the_command_line_explains_what_is_wrong(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        main(["--out", str(tmp_path / "tree"), *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
