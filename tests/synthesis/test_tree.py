import io
from collections import Counter

import cv2
import numpy as np
import pytest
from PIL import Image

from blastscreen.synthesis.__main__ import main
from blastscreen.synthesis.drawing import draw_cell, encode_bmp, write_cells
from blastscreen.synthesis.plan import plan_cohort, plan_sample
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, CellLabel

SEED = 42
SAMPLE = plan_sample(n_cells=480, n_subjects=24, seed=SEED)
SMALL_TREE = {"fold_0": {CellLabel.ALL: (5, 2), CellLabel.HEM: (4, 1)}, "fold_1": {CellLabel.HEM: (3, 3)}}


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
    plans = plan_cohort(SMALL_TREE, seed=5)
    write_cells(root, plans, seed=5)
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.bmp"))
    assert (root / GENERATED_MARKER).read_text().strip() == GENERATED_SAMPLE
    assert paths == [plan.image_id for plan in plans]
    assert Counter(path.rpartition("/")[0] for path in paths) == {"fold_0/all": 5, "fold_0/hem": 4, "fold_1/hem": 3}
    for plan in plans[::4]:
        assert (root / plan.image_id).read_bytes() == encode_bmp(draw_cell(plan, seed=5))


def test_few_drawings_fill_a_tree_with_different_whole_cells(tmp_path):
    # more than there are orientations: some are shifted, too
    counts = {"fold_0": {CellLabel.ALL: (24, 2), CellLabel.HEM: (18, 2)}}
    write_cells(tmp_path, plan_cohort(counts, seed=5), seed=5, distinct=2)
    images = [cv2.imread(str(path)) for path in sorted(tmp_path.rglob("*.bmp"))]
    assert len({image.tobytes() for image in images}) == 42
    histograms = {np.bincount(image.ravel(), minlength=256).tobytes() for image in images}
    assert len(histograms) == 4
    assert not any(any(edge.any() for edge in (image[0], image[-1], image[:, 0], image[:, -1])) for image in images)


def test_too_few_drawings_are_refused_before_anything_is_written(tmp_path):
    plans = plan_cohort({"fold_0": {CellLabel.ALL: (3_529, 1)}}, seed=0)
    with pytest.raises(ValueError, match="distinct must be at least 2 for 3529 files of one label, not 1"):
        write_cells(tmp_path / "tree", plans, seed=0, distinct=1)
    assert not (tmp_path / "tree").exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    plans = plan_cohort(SMALL_TREE, seed=5)
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        write_cells(tmp_path, plans, seed=5)
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        write_cells(tmp_path / "mine.txt", plans, seed=5)
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
