"""Cell images in a local folder, read lazily and never trusted."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from blastscreen.cohort.names import CellName
from blastscreen.datasets.file_names import escape_name, unescape_name
from blastscreen.imaging.decoding import IMAGE_SUFFIXES, DecodedImage, decode_image
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.redaction import FOLDER, redact_path
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, ReasonCode

# 16-bit RGBA, the largest pixels that are still recognised, and room for metadata
_BYTES_PER_PIXEL = 8
_BYTES_OF_METADATA = 16 * 2**20
# a name swapped for a link is not followed and one swapped for a pipe does not block; Windows has neither flag
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class CellImageFile:
    """One file of the folder, not yet opened.

    Attributes:
        root: the folder with every link resolved.
        key: the file's escaped name, relative to the folder.
        max_pixels: largest frame that is decoded.
    """

    root: Path
    key: str
    max_pixels: int

    def __call__(self) -> NDArray[np.uint8]:
        """Read the pixels (height, width, 3), RGB; raises `ImageRejected`."""
        return self.decode().pixels

    def decode(self) -> DecodedImage:
        """Read and decode the file.

        Returns:
            The pixels and the review codes of the file.

        Raises:
            ImageRejected: NOT_A_FILE (a folder, pipe, socket or device, a link to one, a link to nothing or to itself),
                OUTSIDE_ROOT (a link out of the folder), UNREADABLE (vanished, no permission), TOO_MANY_PIXELS (a file
                larger than any frame of `max_pixels` needs), or what `decode_image` finds.
        """
        try:
            data = _read_file(_resolve_inside(self.root, unescape_name(self.key)), self.max_pixels)
        except OSError as error:
            raise ImageRejected(ReasonCode.UNREADABLE, error.strerror or type(error).__name__) from error
        return decode_image(data, suffix=PurePosixPath(self.key).suffix, max_pixels=self.max_pixels)


class CellImages(Mapping[str, CellImageFile]):
    """The files of a folder by their escaped names, sorted; a file is opened when its value is called.

    Attributes:
        data_source: name of the folder, without those above it, unless it is somebody's home; of drawn cells, that they
            were drawn.
        cell_names: by escaped name, what a sheet of labels says of the file.
    """

    def __init__(
        self, root: Path, names: Iterable[bytes], *, max_pixels: int, cell_names: Mapping[str, CellName]
    ) -> None:
        drawn = (root / GENERATED_MARKER).is_file()
        self.data_source = GENERATED_SAMPLE if drawn else _name_folder(root)
        self._root = root
        self._max_pixels = max_pixels
        self._keys = dict.fromkeys(sorted(escape_name(name) for name in names))
        self.cell_names = cell_names

    def fingerprint(self, image_ids: Iterable[str]) -> str:
        """Hash names, sizes and times of change of some files: whatever is written to one of them changes it."""
        digest = hashlib.blake2b(digest_size=16)
        for image_id in image_ids:
            digest.update(repr((image_id, *self._list_facts(image_id))).encode())
        return digest.hexdigest()

    def _list_facts(self, image_id: str) -> Iterator[object]:
        path = self._root / os.fsdecode(unescape_name(image_id))
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                # whether a link leads out of the folder decides what is read
                yield from (self._root, path.resolve())
                status = path.stat()
            yield from (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        except (OSError, RuntimeError) as error:
            yield str(error)

    def __getitem__(self, key: str) -> CellImageFile:
        if key not in self._keys:
            raise KeyError(key)
        return CellImageFile(self._root, key, self._max_pixels)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def list_names(root: Path) -> list[bytes]:
    """List what a folder holds, as `CellImageFolder` describes it: names below the folder, as the file system has them.

    Raises:
        OSError: The folder itself can't be listed.
    """
    names: list[bytes] = []
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.fsencode(root) + b"/" + folder) as entries:
                for entry in entries:
                    (folders if _is_searched(entry) else names).append((folder + b"/" + entry.name).lstrip(b"/"))
        except OSError:
            if not folder:
                raise
            names.append(folder)
    return names


def _name_folder(root: Path) -> str:
    return FOLDER if redact_path(str(root)) == FOLDER else escape_name(os.fsencode(root.name))


def _is_searched(entry: "os.DirEntry[bytes]") -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    return PurePosixPath(escape_name(entry.name)).suffix.lower() not in IMAGE_SUFFIXES


def _resolve_inside(root: Path, name: bytes) -> str:
    # as text: path objects cost more than all that is done with them here
    folder = str(root).rstrip(os.sep) + os.sep
    relative = os.fsdecode(name)
    path = folder + relative
    if not any(
        stat.S_ISLNK(os.lstat(folder + step).st_mode) for step in accumulate(relative.split("/"), "{}/{}".format)
    ):
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


def size_limit(max_pixels: int) -> int:
    """Give the bytes that no file with a frame of that many pixels exceeds."""
    return _BYTES_PER_PIXEL * max_pixels + _BYTES_OF_METADATA


def require_size(size: int, *, max_pixels: int) -> None:
    """Reject a file, unread, of more bytes than any frame of that many pixels needs."""
    limit = size_limit(max_pixels)
    if size > limit:
        raise ImageRejected(ReasonCode.TOO_MANY_PIXELS, f"{size:,} bytes, more than the {limit:,} of the largest frame")


def _read_file(path: str, max_pixels: int) -> bytes:
    # judged before it is opened, as opening alone wakes whoever writes to a pipe
    _require_regular(os.lstat(path).st_mode, path)
    # without a file object: other threads wait at each of the calls that it makes besides
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        status = os.fstat(descriptor)
        _require_regular(status.st_mode, path)
        require_size(status.st_size, max_pixels=max_pixels)
        data = os.read(descriptor, status.st_size)
        while len(data) < status.st_size and (more := os.read(descriptor, status.st_size - len(data))):
            data += more
        return data
    finally:
        os.close(descriptor)


def _require_regular(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        # says why when the folder could not be searched
        os.scandir(path).close()
        raise ImageRejected(ReasonCode.NOT_A_FILE, "a folder; what it holds was not read")
    if not stat.S_ISREG(mode):
        raise ImageRejected(ReasonCode.NOT_A_FILE, "a pipe, socket or device")
