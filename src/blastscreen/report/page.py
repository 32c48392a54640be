"""The report, one HTML file that needs nothing but itself, and the model card in Markdown, from the same sections."""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection
from html import unescape
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from blastscreen.models import MODELS
from blastscreen.report.figures import FIGURES
from blastscreen.report.figures.style import BLUE, GREY, INK, LIGHT, SHARES, SKY, TITLE_HEIGHT
from blastscreen.report.results import Results, gather_results
from blastscreen.report.sections import SECTIONS, describe_sections

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

_PARTS = re.compile(r"([/_+])")
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$!])")
# controls, invisible marks such as those that turn the direction of writing, lone surrogates, line separators
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def render_report(**entries: Any) -> str:
    """Write the report of catalog entries: an HTML page that loads nothing from elsewhere, and forbids itself to."""
    # which imports IPython where that is installed
    from plotly.offline import get_plotlyjs

    results = gather_results(**entries)
    scripts = {"plotly": get_plotlyjs(), "charts": _read("charts.js")}
    environment = _open_templates(show_unseen)
    environment.filters["break_names"] = break_names
    return environment.get_template("page.html").render(
        results=results,
        sections=SECTIONS,
        content=describe_sections(results),
        charts=[_prepare_chart(results, entry, figure) for entry, figure in results.figures.items()],
        policy=_forbid_network(scripts.values()),
        style=Markup(_read("style.css")),  # noqa: S704 - our own file
        scripts={name: Markup(script) for name, script in scripts.items()},  # noqa: S704 - plotly's and our own
        dark=htmlsafe_json_dumps(DARK),
    )


def write_model_card(**entries: Any) -> str:
    """Write the model card of catalog entries in Markdown: what the models are, are for, and are not.

    Source:
        Mitchell et al., "Model cards for model reporting", FAT* (2019).
    """
    results = gather_results(**entries)
    settings = {name: run.parameters and run.parameters.get(name, {}) for name, run in results.model_runs.items()}
    context = {"results": results, "content": describe_sections(results), "settings": settings}
    environment = _open_templates(lambda text: Markup(escape_markdown(text)), keep_trailing_newline=True)  # noqa: S704
    return environment.get_template("card.md").render(**context)


def _prepare_chart(results: Results, entry: str, figure: go.Figure) -> dict[str, Any]:
    """Make a figure ready for a page that draws it at any width, on light and on dark."""
    model = next((name for name in MODELS if entry.startswith(f"{name}_")), "")
    drawing = FIGURES[entry.removeprefix(f"{model}_").removesuffix("_figure")]
    content = json.loads(figure.to_json())
    layout = content["layout"]
    found = re.match(r"<b>(.*?)</b>", layout.get("title", {}).get("text", ""))
    title = unescape(found[1]) if found else entry
    height, margin = layout.get("height", 450) - TITLE_HEIGHT, layout.get("margin", {})
    layout |= {"height": height, "margin": margin | {"t": max(margin.get("t", 100) - TITLE_HEIGHT, 20)}}
    for dropped in ("title", "width"):
        layout.pop(dropped, None)
    numbers = f"the catalog entry {f'{model}_' if model else ''}{drawing.numbers}"
    panels = {tuple(axis.get("domain", ())) for name, axis in layout.items() if name.startswith("xaxis")}
    return {
        "key": entry,
        "section": drawing.section,
        "model": model,
        "title": title if title.endswith((".", "?", "!")) else f"{title}.",
        "shows": drawing.shows,
        "height": height,
        "is_wide": len(panels) > 1,
        "json": htmlsafe_json_dumps(_show_unseen({"data": content["data"], "layout": layout})),
        "sources": results.sources(entry),
        "numbers": numbers if drawing.numbers else "the tables of this section",
    }


def _show_unseen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _show_unseen(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_show_unseen(item) for item in value]
    return show_unseen(value) if isinstance(value, str) else value


def _forbid_network(scripts: Collection[str]) -> str:
    """Write a content security policy that lets these scripts run and nothing else be loaded."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return (files("blastscreen.report") / "templates" / name).read_text(encoding="utf-8")


def show_unseen(text: str) -> str:
    """Spell characters that have no look of their own, and could hide or reorder what stands beside them.

    Example:
        >>> show_unseen("cell\u202egpj.exe")
        'cell⟨U+202E⟩gpj.exe'
    """
    return "".join(f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _UNSEEN else char for char in text)


def escape_markdown(text: str) -> str:
    r"""Write text so that Markdown shows it as it is, tags and formulas included.

    Example:
        >>> escape_markdown("*<b>*")
        '\\*&lt;b&gt;\\*'
    """
    escaped = show_unseen(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", escaped)


def break_names(text: str) -> Markup:
    """Escape a name for HTML, and let lines break after the marks that part it.

    Example:
        >>> break_names("a/b<c")
        Markup('a/<wbr>b&lt;c')
    """
    return Markup(_PARTS.sub(r"\1<wbr>", str(escape(show_unseen(text)))))  # noqa: S704 - escaped before


def _open_templates(escape_text: Callable[[str], str], **options: Any) -> Environment:
    """Open the templates; whatever is put in is escaped, tags included, and nothing that is missing is passed over."""

    def finalize(value: object) -> object:
        return escape_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    options |= {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True, "finalize": finalize}
    return Environment(loader=PackageLoader("blastscreen.report"), autoescape=True, **options)
