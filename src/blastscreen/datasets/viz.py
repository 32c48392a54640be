"""What kedro-viz shows of an entry: its layer, and a preview of a bounded size, however large the entry is.

kedro-viz calls `preview()` of a dataset, and chooses by the name of the return annotation how to show it.
"""

import base64
import io
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro_datasets._typing import HTMLPreview, ImagePreview, JSONPreview, PlotlyPreview

from blastscreen.imaging.rejection import ImageRejected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MAX_LETTERS = 48_000
"""Length of a preview; a picture counts as the text that it is sent as."""

_TILE = 112
_COLUMNS = 6
_TILES = 24
_COLOURS = 64
_MAX_STRING = 200
_MAX_POINTS = 200
_UNSHOWN = re.compile(r"(?s)<(head|script|style|svg|nav|figure)\b.*?</\1>|<img\b[^>]*>")


class LayeredConfigLoader(OmegaConfigLoader):
    """Adds to each catalog entry of a class of this project, unless it names one, the layer for kedro-viz.

    The layer is the folder below `data/` that the file lies in. What has no file of its own brings cells in: `01_raw`.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        conf: dict[str, Any] = super().__getitem__(key)
        for entry in conf.values() if key == "catalog" else ():
            if isinstance(entry, dict) and str(entry.get("type")).startswith("blastscreen."):
                match PurePath(entry.get("filepath", "data/01_raw")).parts:
                    case ("data", layer, *_):
                        entry.setdefault("metadata", {}).setdefault("kedro-viz", {}).setdefault("layer", layer)
        return conf


def preview_cells(length: int, read: Callable[[int], "NDArray[np.uint8]"]) -> ImagePreview:
    """Read up to 24 RGB pictures (H, W, 3) from all parts of a collection, and put those that are sound on a sheet."""
    from PIL import Image

    sheet = Image.new("RGB", (_COLUMNS * _TILE, _TILES // _COLUMNS * _TILE))
    n_shown, place = min(length, _TILES), 0
    for number in range(n_shown):
        with suppress(ImageRejected):
            tile = Image.fromarray(read(number * length // n_shown))
            tile.thumbnail((_TILE, _TILE))
            sheet.paste(tile, (place % _COLUMNS * _TILE, place // _COLUMNS * _TILE))
            place += 1
    return preview_picture(sheet)


def preview_files(files: Mapping[str, Callable[[], "NDArray[np.uint8]"]]) -> ImagePreview:
    """Show some of the pictures that are read when they are called."""
    names = list(files)
    return preview_cells(len(names), lambda position: files[names[position]]())


def preview_picture(picture: "Image") -> ImagePreview:
    """Reduce a picture to few colours, and to as much of its size as there is room for."""
    small = picture.convert("RGB")
    for side in (768, 640, 512, 384, 256):
        small.thumbnail((side, side))
        buffer = io.BytesIO()
        small.quantize(_COLOURS).save(buffer, "PNG", optimize=True)
        text = base64.b64encode(buffer.getvalue()).decode()
        if len(text) <= MAX_LETTERS:
            break
    return ImagePreview(text)


def preview_json(content: Any) -> JSONPreview:
    """Write as JSON; long strings are cut, and long lists and mappings where there is no room for them."""
    for most in (1000, 100, 30, 10, 3, 1):
        text = json.dumps(_shorten(content, most))
        if len(text) <= MAX_LETTERS:
            break
    return JSONPreview(text)


def _shorten(content: Any, most: int) -> Any:
    match content:
        case dict():
            kept = {key: _shorten(value, most) for key, value in islice(content.items(), most)}
            return kept | ({"…": f"{len(content) - most} more"} if len(content) > most else {})
        case list():
            items = [_shorten(item, most) for item in content[:most]]
            return items + ([f"… {len(content) - most} more"] if len(content) > most else [])
        case str() if len(content) > _MAX_STRING:
            return f"{content[:_MAX_STRING]}… {len(content) - _MAX_STRING} more"
    return content


def preview_chart(chart: dict[str, Any]) -> PlotlyPreview:
    """Keep some 200 points of each trace that has more."""
    return PlotlyPreview(chart | {"data": [_thin_out(trace) for trace in chart["data"]]})


def _thin_out(trace: dict[str, Any]) -> dict[str, Any]:
    n_points = max((len(value) for value in trace.values() if isinstance(value, list)), default=0)
    step = max(1, n_points // _MAX_POINTS)
    return {name: v[::step] if isinstance(v, list) and len(v) == n_points else v for name, v in trace.items()}


def preview_text(text: str) -> HTMLPreview:
    """Keep the beginning of a Markdown text or of an HTML page without its pictures, up to a whole paragraph."""
    is_page = "<html" in text
    shown = " ".join(_UNSHOWN.sub("", text).split()) if is_page else text
    if len(shown) > MAX_LETTERS:
        end = shown.rfind("</section>" if is_page else "\n\n", 0, MAX_LETTERS)
        shown = shown[: end if end > 0 else MAX_LETTERS] + "…"
    return HTMLPreview(shown)
