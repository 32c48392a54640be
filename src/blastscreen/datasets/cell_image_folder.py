"""A folder of cell images, read lazily and never trusted.

Listing a folder asks for names alone: what a name stands for is found out when its image is read, so that a folder of
a hundred thousand files is listed at once, and what changes in between is seen.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from numpy.typing import NDArray

from blastscreen.cohort import read_original_names
from blastscreen.datasets.file_names import escape_name, unescape_name
from blastscreen.imaging.decoding import IMAGE_SUFFIXES, DecodedImage, ImageRejected, decode_image
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, ReasonCode

# 16-bit RGBA, the largest pixels that are still recognised, and room for metadata
_BYTES_PER_PIXEL = 8
_BYTES_OF_METADATA = 16 * 2**20
# a name swapped for a link is not followed and one swapped for a pipe does not block; Windows has neither flag
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_HOW_TO_GET_IMAGES = (
    "The images of C-NMC 2019 come from The Cancer Imaging Archive (doi:10.7937/tcia.2019.dc64i46r, CC BY). "
    "Download and unpack them, then type:\n"
    "  kedro run --env=cnmc --pipeline=rf --params=images=/path/to/C-NMC_training_data"
)


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
        size_limit = _BYTES_PER_PIXEL * self.max_pixels + _BYTES_OF_METADATA
        try:
            data = _read_file(_resolve_inside(self.root, unescape_name(self.key)), size_limit)
        except OSError as error:
            raise ImageRejected(ReasonCode.UNREADABLE, error.strerror or type(error).__name__) from error
        return decode_image(data, suffix=PurePosixPath(self.key).suffix, max_pixels=self.max_pixels)


class CellImages(Mapping[str, CellImageFile]):
    """The files of a folder by their escaped names, sorted; a file is opened when its value is called.

    Attributes:
        data_source: name of the folder, without those above it; of drawn cells, that they were drawn.
        original_names: by escaped name, the one that a sheet of labels gives for the file.
    """

    def __init__(
        self, root: Path, names: Iterable[bytes], *, max_pixels: int, original_names: Mapping[str, str]
    ) -> None:
        drawn = (root / GENERATED_MARKER).is_file()
        self.data_source = GENERATED_SAMPLE if drawn else escape_name(os.fsencode(root.name))
        self._root = root
        self._max_pixels = max_pixels
        self._keys = dict.fromkeys(sorted(escape_name(name) for name in names))
        self.original_names = original_names

    def fingerprint(self, image_ids: Iterable[str]) -> str:
        """Hash names, sizes and times of change of some files: whatever is written to one of them changes it."""
        digest = hashlib.blake2b(digest_size=16)
        for image_id in image_ids:
            try:
                status = (self._root / os.fsdecode(unescape_name(image_id))).stat()
                facts: tuple[int | None, ...] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            except OSError as error:
                facts = (error.errno,)
            digest.update(repr((image_id, facts)).encode())
        return digest.hexdigest()

    def __getitem__(self, key: str) -> CellImageFile:
        if key not in self._keys:
            raise KeyError(key)
        return CellImageFile(self._root, key, self._max_pixels)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class CellImageFolder(AbstractDataset[NoReturn, Mapping[str, CellImageFile]]):
    """A folder of cell images of any depth, as `Mapping[image_id, callable]`; read only.

    Every entry becomes a row, hidden ones and files of other kinds included, except plain folders, which are searched,
    the file that marks a folder of drawn cells, and the sheet of labels.
    Never searched, and therefore rows themselves: links to folders, folders named like an image, and folders that can't
    be listed.
    """

    def __init__(
        self,
        *,
        path: str,
        labels: str | None = None,
        max_pixels: int = 25_000_000,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the folder; nothing is read yet.

        Args:
            path: the folder; its links are followed, links inside it only to files that it holds itself.
            labels: sheet of labels of images whose names say nothing, a CSV file as `read_original_names` describes it.
            max_pixels: largest width * height that is decoded; larger frames, and files of more than 8 bytes a pixel
                and 16 MiB, are rejected unread.
            metadata: for Kedro's plugins.
        """
        if max_pixels < 1:
            raise DatasetError(f"max_pixels must be at least 1, not {max_pixels}")
        self._path = str(path)
        self._labels = None if labels is None else str(labels)
        self._max_pixels = max_pixels
        self.metadata = metadata

    def load(self) -> Mapping[str, CellImageFile]:
        """List the folder.

        Returns:
            A lazy mapping from image_id (the path below the folder, "/" between its parts, escaped where it isn't
            printable) to a callable, sorted.

        Raises:
            DatasetError: there is no such folder, it can't be listed, or it holds nothing; or the sheet of labels can't
                be read, or does not fit the images.
        """
        root = Path(self._path).resolve()
        if not root.exists():
            raise DatasetError(f"There is no folder '{self._path}'. {_HOW_TO_GET_IMAGES}")
        if not root.is_dir():
            raise DatasetError(f"'{self._path}' is not a folder. {_HOW_TO_GET_IMAGES}")
        left_out = {os.fsencode(GENERATED_MARKER)}
        if self._labels is not None:
            left_out.add(os.fsencode(os.path.relpath(Path(self._labels).resolve(), root)))
        try:
            names = [name for name in _list_names(root) if name not in left_out]
        except OSError as error:
            raise DatasetError(f"The folder '{self._path}' can't be listed: {error.strerror}") from error
        if not names:
            raise DatasetError(f"The folder '{self._path}' holds no files. {_HOW_TO_GET_IMAGES}")
        return CellImages(
            root, names, max_pixels=self._max_pixels, original_names=self._read_labels(map(escape_name, names))
        )

    def save(self, data: NoReturn) -> None:
        """Refuse: raw images are never written."""
        raise DatasetError(f"CellImageFolder is read only; it does not save a {type(data).__name__}")

    def _read_labels(self, keys: Iterable[str]) -> dict[str, str]:
        if self._labels is None:
            return {}
        images = [key for key in keys if PurePosixPath(key).suffix.lower() in IMAGE_SUFFIXES]
        try:
            sheet = pd.read_csv(self._labels, dtype="str", keep_default_na=False, encoding="utf-8-sig")
            return read_original_names(sheet, images)
        except (OSError, ValueError) as error:
            raise DatasetError(f"The sheet of labels '{self._labels}' can't be used: {error}") from error

    def _exists(self) -> bool:
        return Path(self._path).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "labels": self._labels, "max_pixels": self._max_pixels}


def _list_names(root: Path) -> list[bytes]:
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


def _is_searched(entry: "os.DirEntry[bytes]") -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    return PurePosixPath(escape_name(entry.name)).suffix.lower() not in IMAGE_SUFFIXES


def _resolve_inside(root: Path, name: bytes) -> Path:
    path = root / os.fsdecode(name)
    try:
        resolved = Path(os.path.realpath(path, strict=True))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            raise ImageRejected(ReasonCode.NOT_A_FILE, "a link to nothing, or to itself") from error
        raise
    if not resolved.is_relative_to(root):
        raise ImageRejected(ReasonCode.OUTSIDE_ROOT, "a link that leads out of the folder")
    return resolved


def _read_file(path: Path, size_limit: int) -> bytes:
    # judged before it is opened, as opening alone wakes whoever writes to a pipe
    _require_regular(path.lstat().st_mode, path)
    with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as file:
        status = os.fstat(file.fileno())
        _require_regular(status.st_mode, path)
        if status.st_size > size_limit:
            raise ImageRejected(
                ReasonCode.TOO_MANY_PIXELS,
                f"{status.st_size:,} bytes, more than the {size_limit:,} of the largest frame",
            )
        return file.read(status.st_size)


def _require_regular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        # says why when the folder could not be searched
        os.scandir(path).close()
        raise ImageRejected(ReasonCode.NOT_A_FILE, "a folder; what it holds was not read")
    if not stat.S_ISREG(mode):
        raise ImageRejected(ReasonCode.NOT_A_FILE, "a pipe, socket or device")
