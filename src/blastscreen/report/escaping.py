"""What comes from outside made safe to show: names of files and subjects are written by anybody."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_PARTS = re.compile(r"([/_+])")
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$!])")
# controls, invisible marks such as those that turn the direction of writing, lone surrogates, line separators
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


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


def open_html() -> Environment:
    """Open the templates of the page: everything that is put in is escaped and visible."""
    environment = _open(finalize=_escape_with(show_unseen))
    environment.filters["break_names"] = break_names
    return environment


def open_markdown() -> Environment:
    """Open the templates of the model card: everything that is put in is escaped for Markdown, HTML tags included."""
    return _open(finalize=_escape_with(lambda text: Markup(escape_markdown(text))), keep_trailing_newline=True)  # noqa: S704


def _open(**options: Any) -> Environment:
    loader, missing = PackageLoader("blastscreen.report"), StrictUndefined
    return Environment(
        loader=loader, autoescape=True, undefined=missing, trim_blocks=True, lstrip_blocks=True, **options
    )


def _escape_with(escape_text: Callable[[str], str]) -> Callable[[object], object]:
    return lambda value: escape_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value
