"""Storage other than local files, reached through fsspec by addresses such as `s3://bucket/cells`."""

import re
from collections.abc import Mapping
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from kedro.io import DatasetError

_LOCAL = ("file://", "local://")
# of chained addresses, too: zip://*.bmp::s3://bucket/cells.zip
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_remote(path: str) -> bool:
    """Tell an address from a local path.

    Examples:
        >>> [is_remote(path) for path in ("s3://bucket/cells", "file:///data/cells", "data/cells")]
        [True, False, False]
    """
    return _ADDRESS.match(path) is not None and not path.startswith(_LOCAL)


def local_path(path: str) -> str:
    """Leave out the `file://` of a local path."""
    return path.split("://", 1)[1] if path.startswith(_LOCAL) else path


def connect(address: str, credentials: Mapping[str, Any] | None) -> tuple[AbstractFileSystem, str]:
    """Open the storage behind an address.

    Args:
        address: Anything that fsspec knows.
        credentials: What the storage wants to be told, as fsspec spells it.

    Returns:
        The file system and the path in it. A file system can be pickled and stays small: it is opened again where it
        arrives, with the same credentials.

    Raises:
        DatasetError: The protocol is unknown, or its library is not installed.
    """
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
