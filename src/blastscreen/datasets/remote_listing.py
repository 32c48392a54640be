"""What lies below a folder in an object store or on a server."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from blastscreen.datasets.file_names import escape_text

# what storages call that which changes with the content; times of access are none of them
_STAMPS = re.compile(
    r"etag|.*md5(hash)?|crc(32c)?|sha|generation|version_?id|last_?modified|last_write_time|modif.*|mtime|updated|created",
    re.IGNORECASE,
)


class ListedObject(NamedTuple):
    """What a listing tells of one file.

    Attributes:
        kind: "file", or what else it is.
        size: bytes; None if the storage does not tell.
        stamp: changes with the content; None if the storage tells nothing of the kind.
    """

    kind: str
    size: int | None
    stamp: bytes | None


def list_objects(fs: AbstractFileSystem, root: str) -> dict[str, ListedObject]:
    """List every file below a folder by its escaped name, hidden ones too; raises what the storage raises."""
    fs.invalidate_cache()
    objects = {
        escape_text(info["name"].removeprefix(f"{root}/")): _describe(info)
        for info in _find(fs, root)
        # stores keep empty objects in the place of folders
        if info["name"].startswith(f"{root}/") and info["type"] != "directory" and not info["name"].endswith("/")
    }
    fs.invalidate_cache()
    return objects


def _find(fs: AbstractFileSystem, root: str) -> Iterator[dict[str, Any]]:
    if getattr(type(fs), "_find", AsyncFileSystem._find) is not AsyncFileSystem._find:
        # object stores list everything at once
        yield from fs.find(root, detail=True).values()
        return
    # fsspec's own search passes over folders that can't be listed, without a word
    folders = [root]
    while folders:
        for info in fs.ls(folders.pop(), detail=True):
            if info["type"] == "directory":
                folders.append(info["name"])
            else:
                yield info


def _describe(info: Mapping[str, Any]) -> ListedObject:
    stamps = sorted((name, str(value)) for name, value in info.items() if _STAMPS.fullmatch(name) and value is not None)
    stamp = hashlib.blake2b(repr(stamps).encode(), digest_size=8).digest() if stamps else None
    return ListedObject(info["type"], info.get("size"), stamp)
