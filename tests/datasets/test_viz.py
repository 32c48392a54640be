import base64
import inspect
import io
import json

import numpy as np
import pytest
from PIL import Image

from blastscreen.datasets import ArrayStack, AtomicText, CellImageFolder, SampleCells
from blastscreen.datasets.viz import (
    MAX_LETTERS,
    LayeredConfigLoader,
    preview_cells,
    preview_chart,
    preview_json,
    preview_picture,
    preview_text,
)
from blastscreen.imaging.cell_stack import CellStack


def opened(preview):
    with Image.open(io.BytesIO(base64.b64decode(preview, validate=True))) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("n_cells", [0, 1, 30])
def test_a_sheet_shows_each_of_the_first_24_cells_in_its_place(n_cells):
    white = np.full((450, 450, 3), 255, np.uint8)
    sheet = opened(preview_cells(n_cells, lambda _: white))
    height, width = (side // n for side, n in zip(sheet.shape, (4, 6), strict=False))
    centres = sheet[height // 2 :: height, width // 2 :: width, 0]
    assert (centres > 0).ravel().tolist() == [number < n_cells for number in range(24)]


def test_a_sheet_shows_cells_from_all_parts_of_a_collection():
    read = []
    preview_cells(480, lambda position: read.append(position) or noise(4, 4, 3))
    assert read == list(range(0, 480, 20))


def test_whatever_a_picture_shows_its_preview_is_small():
    picture = Image.fromarray(noise(500, 800, 3))
    assert len(preview_picture(picture)) <= MAX_LETTERS
    shown = opened(preview_picture(Image.fromarray(noise(20, 30, 3))))
    assert shown.shape == (20, 30, 3)


@pytest.mark.parametrize(
    "content",
    [
        {f"key {number}": "x" * 100 for number in range(3000)},
        [[[["x" * 100] * 12] * 12] * 12] * 12,
        {"picture": "x" * 10**6},
    ],
    ids=["keys", "nested", "string"],
)
def test_json_of_any_size_is_previewed_small_and_says_what_is_missing(content):
    preview = preview_json(content)
    assert len(preview) <= MAX_LETTERS
    assert json.loads(preview)
    assert " more" in preview


def test_small_json_is_previewed_whole():
    content = {"a": [1, None, {"b": "text"}], "c": 0.5}
    assert json.loads(preview_json(content)) == content


def test_a_chart_keeps_its_points_unless_they_are_many():
    few, many = (
        {"x": [1, 2], "y": [3, 4], "name": "few"},
        {"x": list(range(5000)), "y": list(range(5000)), "mode": "lines"},
    )
    shown = preview_chart({"data": [few, many], "layout": {"title": "t"}})
    assert (shown["data"][0], shown["layout"]) == (few, {"title": "t"})
    assert len(shown["data"][1]["x"]) <= 250
    assert shown["data"][1]["x"] == shown["data"][1]["y"]
    assert shown["data"][1]["x"][0] == 0


def test_a_page_loses_what_cannot_be_shown_and_ends_with_a_whole_section():
    section = f"<section><p>{'word ' * 2000}</p><img src='data:x'><svg><p>hidden</p></svg></section>"
    shown = preview_text(
        f"<html><head><title>hidden</title></head><body>{section * 20}<script>hidden</script></body></html>"
    )
    assert len(shown) <= MAX_LETTERS + 1
    assert "hidden" not in shown
    assert "<img" not in shown
    assert shown.count("<p>") == shown.count("</p>") > 1


def test_markdown_is_shown_as_it_is():
    assert preview_text("# Card\n\n- one\n") == "# Card\n\n- one\n"
    assert preview_text("line\n\n" * 20_000).endswith("line…")


def test_classes_of_images_and_texts_name_how_they_are_shown(tmp_path):
    stack = ArrayStack(filepath=str(tmp_path / "cells.zarr"))
    pixels = noise(50, 40, 40, 3)
    stack.save(CellStack(image_ids=map(str, range(50)), side=40, read=lambda start, stop: pixels[start:stop]))
    page = AtomicText(filepath=str(tmp_path / "page.html"))
    page.save("<html><body>text</body></html>")
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels[0]).save(tmp_path / "images" / "1.png")
    (tmp_path / "images" / "2.png").write_bytes(b"no picture")
    folder = CellImageFolder(path=str(tmp_path / "images"))
    sample = SampleCells(n_cells=12, n_subjects=2, seed=1)
    for dataset, kind in ((stack, "Image"), (folder, "Image"), (sample, "Image"), (page, "HTML")):
        # kedro-viz chooses how to show a preview by the name of the annotation
        assert inspect.signature(dataset.preview).return_annotation.__name__ == f"{kind}Preview"
    for dataset, n_cells in ((stack, 24), (folder, 1), (sample, 12)):
        tiles = opened(dataset.preview()).reshape(4, 112, 6, 112, 3).any(axis=(1, 3, 4))
        assert tiles.sum() == n_cells
    assert page.preview() == "<html><body>text</body></html>"


CATALOG = """
images:
  type: blastscreen.datasets.SampleCells
table:
  type: blastscreen.datasets.AtomicParquet
  filepath: data/07_model_output/sample/table.parquet
"{model}_plan":
  type: blastscreen.datasets.AtomicJSON
  filepath: data/08_reporting/sample/{model}_plan.json
told:
  type: blastscreen.datasets.AtomicJSON
  filepath: data/08_reporting/told.json
  metadata: {kedro-viz: {layer: mine}}
elsewhere:
  type: blastscreen.datasets.ArrayStack
  filepath: s3://lab/cells.zarr
stock:
  type: yaml.YAMLDataset
  filepath: data/01_raw/stock.yml
broken: not an entry
"""


@pytest.fixture
def layers(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "catalog.yml").write_text(CATALOG)
    loader = LayeredConfigLoader(str(tmp_path), base_env="base", default_run_env="base")
    metadata = {name: entry.get("metadata", {}) for name, entry in loader["catalog"].items() if name != "broken"}
    return {name: found.get("kedro-viz", {}).get("layer") for name, found in metadata.items()}


def test_the_layer_of_our_entries_is_the_folder_that_they_lie_in(layers):
    assert layers == {
        "images": "01_raw",
        "table": "07_model_output",
        "{model}_plan": "08_reporting",
        "told": "mine",
        "elsewhere": None,
        "stock": None,
    }
