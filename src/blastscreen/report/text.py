"""What comes from outside made safe to show: names of files and subjects are written by anybody."""

import re
import unicodedata

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_PARTS = re.compile(r"([/_+])")
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$!])")
# controls, invisible marks such as those that turn the direction of writing, lone surrogates, line separators
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def show_unseen(text: str) -> str:
    """Spell characters that have no look of their own, which could hide or reorder what stands beside them.

    Returns:
        The text with each of them as its code point, fit for UTF-8.

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


def html_environment() -> Environment:
    """Open the templates of the page: everything that is put in is escaped and visible."""
    environment = Environment(
        loader=PackageLoader("blastscreen.report"),
        autoescape=True,
        finalize=_show,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["break_names"] = break_names
    return environment


def markdown_environment() -> Environment:
    """Open the templates of the model card: everything that is put in is escaped for Markdown."""
    return Environment(
        loader=PackageLoader("blastscreen.report"),
        autoescape=False,  # noqa: S701 - what is put in is escaped for Markdown, HTML tags included
        finalize=_show_in_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _show(value: object) -> object:
    return show_unseen(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _show_in_markdown(value: object) -> object:
    return escape_markdown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
