"""Where cell images lie, a local folder or one in other storage: listed once, never trusted."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from blastscreen.datasets.storage import escape_name, escape_text, spell_address, unescape_name
from blastscreen.imaging.decoding import IMAGE_SUFFIXES
from blastscreen.imaging.rejection import ImageRejected, StorageError
from blastscreen.redaction import FOLDER, redact_path
from blastscreen.vocabulary import ReasonCode

# what storages call that which changes with the content; times of access are none of them
_STAMPS = re.compile(
    r"etag|.*md5(hash)?|crc(32c)?|sha|generation|version_?id|last_?modified|last_write_time|modif.*|mtime|updated|created",
    re.IGNORECASE,
)


class Listed(NamedTuple):
    """What a listing says of a file; the stamp changes with the content."""

    kind: str
    size: int | None
    stamp: bytes | None


@dataclass(frozen=True)
class LocalFolder:
    """A local folder, with every link in its own path resolved.

    fsspec would ask for the status of every file that it lists, follow links out of the folder, and open pipes.
    """

    root: str

    @property
    def name(self) -> str:
        """The folder's own name, unless it is somebody's home folder."""
        return FOLDER if redact_path(self.root) == FOLDER else escape_name(os.fsencode(Path(self.root).name))

    def scan(self) -> dict[str, None]:
        """List escaped names, sorted, as `CellImageFolder` describes; OSError if the folder itself can't be listed."""
        names: list[bytes] = []
        folders = [b""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(os.fsencode(self.root) + b"/" + folder) as entries:
                    for entry in entries:
                        (folders if _is_searched(entry) else names).append((folder + b"/" + entry.name).lstrip(b"/"))
            except OSError:
                if not folder:
                    raise
                names.append(folder)
        return dict.fromkeys(sorted(map(escape_name, names)))

    def read(self, key: str, _: None, *, limit: int) -> bytes:
        """Read a file of this folder of at most `limit` bytes, whatever its name stands for by now."""
        try:
            path = self._resolve_inside(os.fsdecode(unescape_name(key)))
            # judged before it is opened, as opening alone wakes whoever writes to a pipe
            _require_regular(os.lstat(path).st_mode, path)
            # Without a file object: other threads wait at each of the calls that it makes besides. A name swapped for a
            # link meanwhile is not followed, and one swapped for a pipe does not block.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                status = os.fstat(descriptor)
                _require_regular(status.st_mode, path)
                _require_size(status.st_size, limit)
                data = os.read(descriptor, status.st_size)
                while len(data) < status.st_size and (more := os.read(descriptor, status.st_size - len(data))):
                    data += more
                return data
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ImageRejected(ReasonCode.UNREADABLE, error.strerror or type(error).__name__) from error

    def _resolve_inside(self, relative: str) -> str:
        # as text: path objects cost more than all that is done with them here
        folder = self.root.rstrip("/") + "/"
        path = folder + relative
        steps = accumulate(relative.split("/"), "{}/{}".format)
        if not any(stat.S_ISLNK(os.lstat(folder + step).st_mode) for step in steps):
            return path
        try:
            resolved = os.path.realpath(path, strict=True)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR) and Path(path).is_symlink():
                raise ImageRejected(ReasonCode.NOT_A_FILE, "a link to nothing, or to itself") from error
            raise
        if not resolved.startswith(folder):
            raise ImageRejected(ReasonCode.OUTSIDE_ROOT, "a link that leads out of the folder")
        return resolved

    def list_facts(self, key: str, _: None) -> list[object]:
        """List what any change of a file changes; whether a link leads out of the folder decides what is read."""
        path = Path(self.root, os.fsdecode(unescape_name(key)))
        try:
            link = [self.root, path.resolve()] if path.is_symlink() else []
            status = path.stat()
        except (OSError, RuntimeError) as error:
            return [str(error)]
        return [*link, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


@dataclass(frozen=True)
class RemoteFolder:
    """A folder in an object store or on a server."""

    fs: AbstractFileSystem
    root: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return escape_text(redact_path(self.root))

    def scan(self) -> dict[str, Listed]:
        """List every file by its escaped name, sorted, hidden ones too; raises what the storage raises."""
        self.fs.invalidate_cache()
        listed = {
            escape_text(info["name"].removeprefix(f"{self.root}/")): _describe(info)
            for info in self._find()
            # stores keep empty objects in the place of folders
            if info["name"].startswith(f"{self.root}/") and info["type"] != "directory" and info["name"][-1] != "/"
        }
        self.fs.invalidate_cache()
        return dict(sorted(listed.items()))

    def _find(self) -> Iterator[dict[str, Any]]:
        if getattr(type(self.fs), "_find", AsyncFileSystem._find) is not AsyncFileSystem._find:
            # object stores list everything at once
            yield from self.fs.find(self.root, detail=True).values()
            return
        # fsspec's own search passes over folders that can't be listed, without a word
        folders = [self.root]
        while folders:
            for info in self.fs.ls(folders.pop(), detail=True):
                if info["type"] == "directory":
                    folders.append(info["name"])
                else:
                    yield info

    def read(self, key: str, listed: Listed, *, limit: int) -> bytes:
        """Read a file that is still as it was listed; StorageError if the storage gives no answer."""
        if listed.kind != "file":
            raise ImageRejected(ReasonCode.NOT_A_FILE, f"the storage calls it a {listed.kind}")
        _require_size(listed.size or 0, limit)
        if listed.size == 0:
            return b""  # stores refuse to give a range of nothing
        path = f"{self.root}/{unescape_name(key).decode('utf-8', errors='surrogateescape')}"
        try:
            data = bytes(self.fs.cat_file(path, start=0, end=(listed.size or limit) + 1))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ImageRejected(ReasonCode.UNREADABLE, "vanished since it was listed") from error
        except Exception as error:  # every storage has its own
            raise StorageError(
                f"{spell_address(self.fs, path)} can't be read ({type(error).__name__}: {error}). That may be no "
                "fault of the file, so it was not rejected. Check network and credentials, then run again"
            ) from error
        _require_size(len(data), limit)
        if listed.size not in (None, len(data)):
            raise ImageRejected(ReasonCode.UNREADABLE, "changed since it was listed")
        return data

    def list_facts(self, _: str, listed: Listed) -> Listed | None:
        """Return what was listed, which any change of a file changes; None if the storage gives no stamps."""
        return None if listed.stamp is None else listed


def _is_searched(entry: "os.DirEntry[bytes]") -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    return PurePosixPath(escape_name(entry.name)).suffix.lower() not in IMAGE_SUFFIXES


def _describe(info: dict[str, Any]) -> Listed:
    stamps = sorted((name, str(value)) for name, value in info.items() if _STAMPS.fullmatch(name) and value is not None)
    stamp = hashlib.blake2b(repr(stamps).encode(), digest_size=8).digest() if stamps else None
    return Listed(info["type"], info.get("size"), stamp)


def _require_size(size: int, limit: int) -> None:
    if size > limit:
        raise ImageRejected(ReasonCode.TOO_MANY_PIXELS, f"{size:,} bytes, more than the {limit:,} of the largest frame")


def _require_regular(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # says why when the folder could not be searched
        raise ImageRejected(ReasonCode.NOT_A_FILE, "a folder; what it holds was not read")
    if not stat.S_ISREG(mode):
        raise ImageRejected(ReasonCode.NOT_A_FILE, "a pipe, socket or device")
