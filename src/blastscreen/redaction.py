"""Taking out of values and texts what names a machine, a person or a secret, before they are stored or logged."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from pydantic import BaseModel

ADDRESS = "<address>"
FOLDER = "<folder>"
SECRET = "<secret>"  # noqa: S105 - what stands in its place

_SECRET_NAMES = re.compile(r"passw|secret|token|credential|scheduler|signature|(api|access|account|private)_?key", re.I)
# people and machines without a scheme: somebody@host, IPv4 and IPv6 with or without a port, host:8786
_HOST = re.compile(
    r"[^\s'\"@/]+@[^\s'\"/]+"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?"
    r"|\[?(?<![\w:])(?=[0-9a-f:]*(?:::|(?::[0-9a-f]+){3}))(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])\]?(?::\d+)?"
    r"|(?<![\w.-])[a-z][\w.-]*:\d{4,5}\b",
    re.IGNORECASE,
)
# a path that ends with a person's own folder, or with a machine
_OWNED = re.compile(r"(?:[a-z]:)?/(?:home|users)/[^/]*|/root|//[^/]*|~[^/]*|", re.IGNORECASE)
_START = r"(?:[a-z][a-z0-9+.-]*://|/|~|[a-z]:[/\\]|\\\\)"
_IN_TEXT = re.compile(rf"'{_START}[^'\n]*'|\"{_START}[^\"\n]*\"|(?<![\w.]){_START}[^\s'\"()<>]*", re.IGNORECASE)


def redact(value: object) -> object:
    """Turn a value into what JSON can hold, without what names a machine, a person or a secret.

    Of paths and addresses the last part stays, as that of a folder of images is what results are known by.

    Examples:
        >>> redact({"images": "https://jane:pw@host/cells?sig=1", "compute": {"scheduler": "node7:8786"}})
        {'images': 'cells', 'compute': {'scheduler': '<secret>'}}
    """
    match value:
        case BaseModel():
            return redact(value.model_dump(mode="json"))
        case Mapping():
            return {
                redact_text(str(key)): SECRET if item and _SECRET_NAMES.search(str(key)) else redact(item)
                for key, item in value.items()
            }
        case list() | tuple():
            return [redact(item) for item in value]
        case PurePath() | str():
            return redact_path(str(value))
    return value


def redact_path(path: str) -> str:
    """Leave the last part of a path or an address; of any other text, take out persons and hosts.

    Examples:
        >>> [redact_path(path) for path in ("/home/jane/cells", "/home/jane", "tcp://10.0.0.5:8786", "fold_1")]
        ['cells', '<folder>', '<address>', 'fold_1']
    """
    if path in (ADDRESS, FOLDER, SECRET):
        return path
    plain = path.replace("\\", "/")
    # with one slash, as in a `Path`, it is still an address
    plain = re.sub(r"^(file|local):/*(?=/)", "", plain, flags=re.IGNORECASE)
    *before, rest = re.split(r"[a-z][a-z0-9+.-]+:/+", plain, flags=re.IGNORECASE)
    if before:
        parts = re.split(r"[?#;]", rest)[0].rstrip("/").split("/")
        return _HOST.sub(ADDRESS, parts[-1]) if len(parts) > 1 else ADDRESS
    plain = re.sub(r"\?\w+=.*", "", plain, flags=re.DOTALL).rstrip("/")
    if path.startswith("~") or "/" in path or "\\" in path:
        plain = FOLDER if _OWNED.fullmatch(plain) or plain == str(Path.home()) else plain.rpartition("/")[2]
    return _HOST.sub(ADDRESS, plain)


def redact_text(text: str) -> str:
    """Redact every path, address, person and host in a text that people read, such as a line of a log.

    Examples:
        >>> redact_text("No folder '/home/jane/my cells'. No scheduler answers at tcp://10.0.0.5:8786 (timeout)")
        "No folder 'my cells'. No scheduler answers at <address> (timeout)"
    """
    return _HOST.sub(ADDRESS, _IN_TEXT.sub(lambda found: _redact_token(found[0]), text))


def _redact_token(token: str) -> str:
    quote = token[0] if token[0] in "'\"" else ""
    return f"{quote}{redact_path(token.strip(quote) if quote else token)}{quote}"
