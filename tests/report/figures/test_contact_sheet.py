import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.report.figures.contact_sheet import SheetCell, choose_sheet_cells, draw_cells, printable

HOSTILE = ["$x^{ $", "\\frac{1}{2}$", "a\nb\tc\x00", "细胞 🧫", "<b>&amp;", "\udcff.bmp", "W" * 300, ""]


def make_cell(caption="subject 1", side=20, value=200):
    mask = np.zeros((side, side), dtype=bool)
    mask[5:15, 4:12] = True
    pixels = np.where(mask[..., None], np.uint8(value), np.uint8(0)).repeat(3, axis=2)
    return SheetCell(pixels, mask, caption)


def draw(rows, **changes):
    return draw_cells(rows, **({"columns": 3, "title": "Cells", "note": "generated sample"} | changes))


def render(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return Image.open(stream)


def texts(figure):
    return {text.get_text() for text in figure.findobj(Text)}


def pictures(figure):
    return [axes for axes in figure.findobj(lambda artist: hasattr(artist, "images")) if axes.images]


def test_every_cell_is_drawn_under_its_heading_with_caption_and_note():
    rows = {
        "blasts": [make_cell(f"subject {i}", value=10 * i) for i in range(1, 5)],
        "normal": [make_cell("subject H1", value=90)],
        "review": [],
    }
    figure = draw(rows)
    assert {"Cells", "generated sample", "blasts", "normal", "subject 1", "subject 4", "subject H1"} <= texts(figure)
    assert "review" not in texts(figure)
    drawn = pictures(figure)
    assert [int(axes.images[0].get_array().max()) for axes in drawn] == [10, 20, 30, 40, 90]
    # the fourth blast stands on a line of its own
    assert len(figure.subfigs[0].axes) == 6
    render(figure)


def test_the_outline_follows_the_mask():
    (axes,) = pictures(draw({"cells": [make_cell()]}))
    (outline,) = axes.collections
    vertices = np.vstack([path.vertices for path in outline.get_paths()])
    # halfway between the centres of the last pixel inside and the first outside
    assert vertices.min(axis=0).tolist() == [3.5, 4.5]
    assert vertices.max(axis=0).tolist() == [11.5, 14.5]


def test_the_outline_closes_along_the_frame():
    full = SheetCell(np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), dtype=bool), "")
    (axes,) = pictures(draw({"cells": [full]}))
    vertices = np.vstack([path.vertices for path in axes.collections[0].get_paths()])
    assert vertices.min(axis=0).tolist() == [-0.5, -0.5]
    assert vertices.max(axis=0).tolist() == [7.5, 5.5]


def test_a_cell_without_mask_has_no_outline():
    empty = SheetCell(np.zeros((6, 6, 3), np.uint8), np.zeros((6, 6), dtype=bool), "none")
    figure = draw({"cells": [empty]})
    assert not pictures(figure)[0].collections
    render(figure)


def test_all_cells_are_drawn_at_one_scale():
    small, large = pictures(draw({"cells": [make_cell(side=20), make_cell(side=40)]}))
    assert small.get_xlim() == (-10.5, 29.5)
    assert large.get_xlim() == (-0.5, 39.5)
    assert small.get_ylim() == (29.5, -10.5)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_are_drawn(hostile):
    picture = render(draw({hostile: [make_cell(hostile)]}, title=hostile, note=hostile))
    assert picture.size[0] > 100


def test_captions_show_what_they_can():
    assert printable("H10", 16) == "H10"
    assert printable("Zoë “Łódź”", 16) == "Zoë “Łódź”"
    assert printable("$x_1$", 16) == "$x_1$"
    assert printable("a\nb", 16) == "a\\nb"
    assert printable("细", 16) == "\\u7ec6"
    assert printable("\udcff", 16) == "\\udcff"
    assert printable("0123456789abcdefX", 16) == "01234567…abcdefX"
    assert len(printable("W" * 300, 16)) == 16


def test_no_cells_at_all_is_an_error():
    with pytest.raises(ValueError, match="every group is empty"):
        draw({"blasts": [], "normal": []})


INDEX = pd.DataFrame(
    {
        "image_id": ["a1", "a2", "a3", "b1", "h1", "r1", "r2", "x1", "d1"],
        "status": ["accepted"] * 5 + ["review", "review", "rejected", "duplicate"],
        "reasons": [""] * 5 + ["border;lossy_source", "lossy_source", "truncated", "border;duplicate"],
        "label": ["all"] * 4 + ["hem", "hem", "hem", None, "hem"],
        "subject_id": ["1", "1", "1", "2", "H1", "H1", "H1", "H1", "H1"],
    }
)


def read(start, stop):
    return np.stack([np.full((8, 8, 3), 10 + position, np.uint8) for position in range(start, stop)])


def test_every_subject_comes_first_before_any_comes_twice_and_flagged_and_unfit_cells_stand_apart():
    stack = CellStack(image_ids=INDEX["image_id"][:7], side=8, read=read)
    sheet = choose_sheet_cells(INDEX, stack, per_group=3)
    assert [[cell.caption for cell in cells] for cells in sheet.values()] == [
        ["1", "2", "1"],
        ["H1"],
        ["H1 lossy_source"],
        ["H1 border;lossy_source"],
    ]
    shown = [[int(cell.pixels[0, 0, 0]) - 10 for cell in cells] for cells in sheet.values()]
    assert shown == [[0, 3, 1], [4], [6], [5]]
    assert all(cell.mask.all() for cells in sheet.values() for cell in cells)
