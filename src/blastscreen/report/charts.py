"""Plotly figures made ready for a page that draws them at any width, on light and on dark."""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import plotly.graph_objects as go
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from blastscreen.report.figures.style import BLUE, GREY, INK, LIGHT, SHARES, SKY
from blastscreen.report.study import Source, Study
from blastscreen.report.text import show_unseen

_TITLE = re.compile(r"<b>(.*?)</b>")
_TITLE_HEIGHT = 80
"""Pixels that `plots.style.finish` leaves above a figure for its title, which the page writes as text."""

DARK = {
    "white": "#171b21",
    "#ffffff": "#171b21",
    INK.lower(): "#e8eaed",
    LIGHT.lower(): "#3b424c",
    GREY.lower(): "#9aa3ad",
    SHARES[1].lower(): "#1d5f91",
    BLUE.lower(): "#3d9be0",
    SKY.lower(): "#b5e3ff",
    "#2a3f5f": "#e8eaed",
    "#e5ecf6": "#171b21",
}
"""Colours of figures on white, and what stands for each of them on dark; the others are seen on both."""


@dataclass(frozen=True)
class Chart:
    """A figure: what it is called and shows, its height in pixels, and its JSON, safe inside HTML.

    `is_wide` says that panels stand side by side in it; `numbers` where its numbers can be read without it.
    """

    key: str
    title: str
    description: str
    height: int
    is_wide: bool
    json: Markup
    sources: tuple[Source, ...]
    numbers: str


def prepare_chart(study: Study, entry: str, *, description: str, numbers: str) -> Chart | None:
    """Take the figure of a catalog entry apart for the page; None where the run has no such entry.

    Args:
        study: The results.
        entry: Name of a plotly figure.
        description: What it shows, for those who don't see it.
        numbers: Where its numbers are.
    """
    figure = study.get(entry)
    if figure is None:
        return None
    content: dict[str, Any] = json.loads(figure.to_json())
    layout = content["layout"]
    title = _read_title(figure) or entry
    title += "" if title.endswith((".", "?", "!")) else "."
    height = layout.get("height", 450) - _TITLE_HEIGHT
    margin = layout.get("margin", {})
    layout |= {"height": height, "margin": margin | {"t": max(margin.get("t", 100) - _TITLE_HEIGHT, 20)}}
    for dropped in ("title", "width"):
        layout.pop(dropped, None)
    return Chart(
        key=entry,
        title=title,
        description=description,
        height=height,
        is_wide=len({tuple(axis.get("domain", ())) for name, axis in layout.items() if name.startswith("xaxis")}) > 1,
        json=htmlsafe_json_dumps(_show_unseen({"data": content["data"], "layout": layout})),
        sources=study.sources(entry),
        numbers=numbers,
    )


def _show_unseen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _show_unseen(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_show_unseen(item) for item in value]
    return show_unseen(value) if isinstance(value, str) else value


def _read_title(figure: go.Figure) -> str:
    found = _TITLE.match(figure.layout.title.text or "")
    return unescape(found[1]) if found else ""
