"""Where files lie, local or in other storage such as `s3://bucket/cells`, and how their names are spelled."""

import os
import re
from collections.abc import Mapping
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from kedro.io import DatasetError

_LOCAL = ("file://", "local://")
# chained addresses, too: zip://*.bmp::s3://bucket/cells.zip
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ESCAPED = re.compile(rb"\\(?:x([0-9a-f]{2})|\\)")


def is_remote(path: str) -> bool:
    """Distinguish an address from a local path.

    Examples:
        >>> [is_remote(path) for path in ("s3://bucket/cells", "file:///data/cells", "data/cells")]
        [True, False, False]
    """
    return _ADDRESS.match(path) is not None and not path.startswith(_LOCAL)


def local_path(path: str) -> str:
    """Strip the `file://` of a local path."""
    return path.split("://", 1)[1] if path.startswith(_LOCAL) else path


def connect(address: str, credentials: Mapping[str, Any] | None = None) -> tuple[AbstractFileSystem, str]:
    """Return the file system behind an address or a local path, and the path in it.

    DatasetError if the protocol is unknown, or its library is not installed.
    """
    if not is_remote(address):
        return LocalFileSystem(auto_mkdir=True), os.path.abspath(local_path(address))  # noqa: PTH100 - keeps links
    try:
        fs, path = url_to_fs(address, **(credentials or {}))
    except (ImportError, TypeError, ValueError) as error:
        protocol = address.split("://")[0]
        raise DatasetError(
            f"Storage under {protocol}:// can't be reached: {error}. "
            "For s3:// type make dev in a clone, elsewhere pip install 'blastscreen[s3]'; other protocols need the "
            "library that fsspec names"
        ) from error
    return fs, path.rstrip("/")


def spell_address(fs: AbstractFileSystem, path: str) -> str:
    """Spell a path in a file system as users do."""
    return path if isinstance(fs, LocalFileSystem) else str(fs.unstrip_protocol(path))


def escape_name(name: bytes) -> str:
    r"""Spell a file name of any bytes in printable characters, each name differently.

    Printable UTF-8 without a backslash stays as it is; else a backslash becomes `\\`, and each byte of anything
    unprintable or not UTF-8 becomes `\x` with two hexadecimal digits.
    """
    text = name.decode("utf-8", errors="surrogateescape").replace("\\", r"\\")
    return text if text.isprintable() else "".join(map(_escape_unprintable, text))


def unescape_name(key: str) -> bytes:
    """Return the file name that `escape_name` spelled as `key`."""
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else b"\\", key.encode("utf-8"))


def escape_text(name: str) -> str:
    """Spell a name that storage gives as text in the way of `escape_name`."""
    return escape_name(name.encode("utf-8", errors="surrogateescape"))


def _escape_unprintable(character: str) -> str:
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", errors="surrogateescape"))
