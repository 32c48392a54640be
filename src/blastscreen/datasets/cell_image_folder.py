"""A folder of cell images, read lazily and never trusted.

Listing a folder asks for names alone: what a name stands for is found out when its image is read, so that a folder of
a hundred thousand files is listed at once, and what changes in between is seen.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview

from blastscreen.cohort.label_sheet import parse_label_sheet, read_cell_names
from blastscreen.cohort.names import CellName
from blastscreen.datasets.file_names import escape_name, escape_text
from blastscreen.datasets.local_images import CellImageFile, CellImages, list_names
from blastscreen.datasets.previews import preview_files
from blastscreen.datasets.remote_images import RemoteImage, RemoteImages
from blastscreen.datasets.remote_listing import list_objects
from blastscreen.datasets.storage import connect, is_remote, local_path
from blastscreen.imaging.decoding import IMAGE_SUFFIXES
from blastscreen.vocabulary import GENERATED_MARKER, Refusal

_HOW_TO_GET_IMAGES = (
    "The images of C-NMC 2019 come from The Cancer Imaging Archive (doi:10.7937/tcia.2019.dc64i46r, CC BY). "
    "Download and unpack them, then type:\n"
    "  kedro run --env=cnmc --pipeline=rf --params=images=/path/to/C-NMC_training_data"
)


class LabelsRefused(DatasetError, Refusal):
    """The sheet of labels can't be read, or does not fit the images."""


class CellImageFolder(AbstractDataset[NoReturn, Mapping[str, CellImageFile | RemoteImage]]):
    """A folder of cell images of any depth, as `Mapping[image_id, callable]`; read only.

    Every entry becomes a row, hidden ones and files of other kinds included, except plain folders, which are searched,
    the file that marks a folder of drawn cells, and the sheet of labels.
    Never searched, and therefore rows themselves: links to folders, folders named like an image, and folders that can't
    be listed. Where the folder is not local there are no such: every file is a row, whatever its folders are called,
    and a folder that can't be listed ends the run.

    Examples:
        In a catalog, with the keys of `cluster_storage` in `conf/local/credentials.yml`::

            raw_cells:
              type: blastscreen.datasets.CellImageFolder
              path: s3://lab/C-NMC_training_data
              credentials: cluster_storage
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
            path: the folder; its links are followed, links inside it only to files that it holds itself. Or the address
                of one in other storage, as fsspec spells it.
            labels: sheet of labels of images whose names say nothing, a file as `parse_label_sheet` and
                `read_cell_names` describe it.
            max_pixels: largest width * height that is decoded; larger frames, and files of more than 8 bytes a pixel
                and 16 MiB, are rejected unread.
            credentials: what fsspec is to be told to open the storage; of no meaning for local files.
            metadata: for Kedro's plugins.
        """
        if max_pixels < 1:
            raise DatasetError(f"max_pixels must be at least 1, not {max_pixels}")
        self._path = local_path(str(path))
        self._labels = None if labels is None else local_path(str(labels))
        self._max_pixels = max_pixels
        self._credentials = credentials
        self.metadata = metadata

    def load(self) -> Mapping[str, CellImageFile | RemoteImage]:
        """List the folder.

        Returns:
            A lazy mapping from image_id (the path below the folder, "/" between its parts, escaped where it isn't
            printable) to a callable, sorted.

        Raises:
            DatasetError: there is no such folder, it can't be listed, or it holds nothing; or the sheet of labels can't
                be read, or does not fit the images.
        """
        return self._load_remote() if is_remote(self._path) else self._load_local()

    def _load_local(self) -> CellImages:
        root = Path(self._path).resolve()
        if not root.exists():
            raise DatasetError(f"There is no folder '{self._path}'. {_HOW_TO_GET_IMAGES}")
        if not root.is_dir():
            raise DatasetError(f"'{self._path}' is not a folder. {_HOW_TO_GET_IMAGES}")
        left_out = {os.fsencode(GENERATED_MARKER)}
        if self._labels is not None:
            left_out.add(os.fsencode(os.path.relpath(Path(self._labels).resolve(), root)))
        try:
            names = [name for name in list_names(root) if name not in left_out]
        except OSError as error:
            raise DatasetError(f"The folder '{self._path}' can't be listed: {error.strerror}") from error
        if not names:
            raise DatasetError(f"The folder '{self._path}' holds no files. Name one with images in it.")
        return CellImages(
            root, names, max_pixels=self._max_pixels, cell_names=self._read_labels(map(escape_name, names))
        )

    def _load_remote(self) -> RemoteImages:
        fs, root = connect(self._path, self._credentials)
        try:
            objects = list_objects(fs, root)
        except FileNotFoundError as error:
            raise DatasetError(
                f"There is no folder '{self._path}', or not all of it: {error}. {_HOW_TO_GET_IMAGES}"
            ) from error
        is_drawn = objects.pop(GENERATED_MARKER, None) is not None
        if self._labels is not None and is_remote(self._labels):
            _, sheet = connect(self._labels, self._credentials_of_labels())
            objects.pop(escape_text(sheet.removeprefix(f"{root}/")), None)
        if not objects:
            raise DatasetError(f"The folder '{self._path}' holds no files. Name one with images in it.")
        names = self._read_labels(objects)
        return RemoteImages(fs, root, objects, is_drawn=is_drawn, max_pixels=self._max_pixels, cell_names=names)

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
        try:
            return read_cell_names(parse_label_sheet(self._fetch_labels(self._labels)), images)
        except (OSError, ValueError) as error:
            raise LabelsRefused(f"The sheet of labels '{self._labels}' can't be used: {error}") from error

    def _fetch_labels(self, labels: str) -> bytes:
        if not is_remote(labels):
            return Path(labels).read_bytes()
        fs, path = connect(labels, self._credentials_of_labels())
        return bytes(fs.cat_file(path))

    def _credentials_of_labels(self) -> dict[str, Any] | None:
        """Those of the images, unless the sheet lies in storage of another kind."""
        same = str(self._labels).split("://")[0] == self._path.split("://")[0]
        return self._credentials if same else None

    def _exists(self) -> bool:
        if not is_remote(self._path):
            return Path(self._path).is_dir()
        fs, root = connect(self._path, self._credentials)
        fs.invalidate_cache()
        return bool(fs.isdir(root))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "labels": self._labels, "max_pixels": self._max_pixels}
