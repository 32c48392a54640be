"""A folder of cell images, read lazily and never trusted.

Listing a folder asks for names alone: what a name stands for is found out when its image is read, so that a folder of
a hundred thousand files is listed at once, and what changes in between is seen.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NoReturn

import numpy as np
from fsspec import AbstractFileSystem
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview
from numpy.typing import NDArray

from blastscreen.cohort.label_sheet import parse_label_sheet, read_cell_names
from blastscreen.cohort.names import CellName
from blastscreen.datasets.image_storage import Listed, LocalFolder, RemoteFolder
from blastscreen.datasets.storage import connect, escape_text, is_remote, local_path
from blastscreen.datasets.viz import preview_files
from blastscreen.imaging.decoding import IMAGE_SUFFIXES, DecodedImage, decode_image
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, Refusal

# 16-bit RGBA, the largest pixels that are still recognised, and room for metadata
_BYTES_PER_PIXEL = 8
_BYTES_OF_METADATA = 16 * 2**20
_HOW_TO_GET_IMAGES = (
    "The images of C-NMC 2019 come from The Cancer Imaging Archive (doi:10.7937/tcia.2019.dc64i46r, CC BY). "
    "Download and unpack them, then type:\n"
    "  kedro run --env=cnmc --pipeline=rf --params=images=/path/to/C-NMC_training_data"
)


class LabelsRefused(DatasetError, Refusal):
    """The sheet of labels can't be read, or does not fit the images."""


@dataclass(frozen=True)
class CellImageFile:
    """One file of a folder, not yet opened; small when it is sent to where it is to be read."""

    folder: LocalFolder | RemoteFolder
    key: str
    listed: Any
    max_pixels: int

    def __call__(self) -> NDArray[np.uint8]:
        """Read the pixels (height, width, 3), RGB."""
        return self.decode().pixels

    def decode(self) -> DecodedImage:
        """Read and decode the file.

        Raises:
            ImageRejected: What the folder or `decode_image` finds wrong with the file.
            StorageError: Remote storage does not answer, or no longer lets us in.
        """
        data = self.folder.read(self.key, self.listed, limit=_BYTES_PER_PIXEL * self.max_pixels + _BYTES_OF_METADATA)
        return decode_image(data, suffix=PurePosixPath(self.key).suffix, max_pixels=self.max_pixels)


@dataclass(frozen=True, eq=False)
class CellImages(Mapping[str, CellImageFile]):
    """The files of a folder by their escaped names, sorted; a file is opened when its value is called.

    `data_source` names the folder, or says that its cells were drawn; `cell_names` is what a sheet of labels says.
    """

    folder: LocalFolder | RemoteFolder
    listed: Mapping[str, Listed | None]
    max_pixels: int
    data_source: str
    cell_names: Mapping[str, CellName]

    def fingerprint(self, image_ids: Iterable[str]) -> str | None:
        """Hash what any change of some files changes; None if the storage doesn't tell."""
        digest = hashlib.blake2b(digest_size=16)
        for image_id in image_ids:
            facts = self.folder.list_facts(image_id, self.listed[image_id])  # type: ignore[arg-type]
            if facts is None:
                return None
            digest.update(repr((image_id, *facts)).encode())
        return digest.hexdigest()

    def __getitem__(self, key: str) -> CellImageFile:
        return CellImageFile(self.folder, key, self.listed[key], self.max_pixels)

    def __iter__(self) -> Iterator[str]:
        return iter(self.listed)

    def __len__(self) -> int:
        return len(self.listed)


class CellImageFolder(AbstractDataset[NoReturn, CellImages]):
    """A folder of cell images of any depth, as `Mapping[image_id, callable]`; read only.

    An image_id is the path below the folder, "/" between its parts, escaped where it isn't printable. Every entry
    becomes a row, hidden ones and files of other kinds included, except plain folders, which are searched, the file
    that marks a folder of drawn cells, and the sheet of labels. Links to folders, folders named like an image, and
    folders that can't be listed are never searched, and therefore rows. In other storage every file is a row, whatever
    its folders are called, and a folder that can't be listed ends the run.
    """

    def __init__(
        self,
        *,
        path: str,
        labels: str | None = None,
        max_pixels: int = 9_000_000,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the folder; nothing is read yet.

        Args:
            path: Folder, or its address as fsspec spells it. Links in it are followed only to files that it holds.
            labels: Sheet of labels (`parse_label_sheet`, `read_cell_names`) of images whose names say nothing.
            max_pixels: Larger frames, and files of more than 8 bytes a pixel and 16 MiB, are rejected unread.
            credentials: Of other storage, as fsspec spells them.
            metadata: For other tools.
        """
        if max_pixels < 1:
            raise DatasetError(f"max_pixels must be at least 1, not {max_pixels}")
        self._path = local_path(str(path))
        self._labels = None if labels is None else local_path(str(labels))
        self._max_pixels = max_pixels
        self._credentials = credentials
        self.metadata = metadata

    def load(self) -> CellImages:
        """List the folder; DatasetError if that can't be done or it holds nothing, LabelsRefused for its labels."""
        fs, path = connect(self._path, self._credentials)
        folder = RemoteFolder(fs, path) if is_remote(self._path) else LocalFolder(os.path.realpath(path))
        listed = self._scan(folder)
        is_drawn = GENERATED_MARKER in listed
        listed.pop(GENERATED_MARKER, None)
        listed.pop(self._find_sheet(folder), None)
        if not listed:
            raise DatasetError(f"The folder '{self._path}' holds no files. Name one with images in it.")
        data_source = GENERATED_SAMPLE if is_drawn else folder.name
        return CellImages(folder, listed, self._max_pixels, data_source, self._read_labels(listed))

    def _scan(self, folder: LocalFolder | RemoteFolder) -> dict[str, Any]:
        try:
            return folder.scan()
        except FileNotFoundError as error:
            part = f", or not all of it: {error}" if is_remote(self._path) else ""
            raise DatasetError(f"There is no folder '{self._path}'{part}. {_HOW_TO_GET_IMAGES}") from error
        except NotADirectoryError as error:
            raise DatasetError(f"'{self._path}' is not a folder. {_HOW_TO_GET_IMAGES}") from error
        except OSError as error:
            raise DatasetError(f"The folder '{self._path}' can't be listed: {error.strerror or error}") from error

    def _find_sheet(self, folder: LocalFolder | RemoteFolder) -> str:
        if self._labels is None or is_remote(self._labels) != is_remote(self._path):
            return ""
        _, sheet = self._connect_labels()
        name = sheet if is_remote(self._labels) else os.path.realpath(sheet)
        return escape_text(name.removeprefix(folder.root.rstrip("/") + "/"))

    def preview(self) -> ImagePreview:
        """Show some images of the whole folder."""
        return preview_files(self.load())

    def save(self, data: NoReturn) -> None:
        """Refuse: raw images are never written."""
        raise DatasetError(f"CellImageFolder is read only; it does not save a {type(data).__name__}")

    def _read_labels(self, keys: Iterable[str]) -> dict[str, CellName]:
        if self._labels is None:
            return {}
        images = [key for key in keys if PurePosixPath(key).suffix.lower() in IMAGE_SUFFIXES]
        fs, path = self._connect_labels()
        try:
            return read_cell_names(parse_label_sheet(fs.cat_file(path)), images)
        except (OSError, ValueError) as error:
            raise LabelsRefused(f"The sheet of labels '{self._labels}' can't be used: {error}") from error

    def _connect_labels(self) -> tuple[AbstractFileSystem, str]:
        # the keys of the images are of no use in storage of another kind
        same = str(self._labels).split("://")[0] == self._path.split("://")[0]
        return connect(str(self._labels), self._credentials if same else None)

    def _exists(self) -> bool:
        fs, path = connect(self._path, self._credentials)
        fs.invalidate_cache()
        return bool(fs.isdir(path))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "labels": self._labels, "max_pixels": self._max_pixels}
