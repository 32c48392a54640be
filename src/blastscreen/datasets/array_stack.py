"""Stacks of standardised cells in a Zarr store."""

import logging
import os
import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec import AbstractFileSystem
from kedro.io.core import AbstractVersionedDataset, DatasetError, Version, get_protocol_and_path
from kedro_datasets._typing import ImagePreview

from blastscreen.datasets.atomic import AtomicSave, lock_folder
from blastscreen.datasets.previews import choose_positions, preview_cells
from blastscreen.datasets.remote_stack import is_whole, list_versions, load_stack, save_stack
from blastscreen.datasets.stack_format import (
    CHECKSUMS,
    END_SIZE,
    METADATA,
    CellFiles,
    describe_store,
    list_checksums,
    open_store,
    require_none_missing,
)
from blastscreen.datasets.storage import connect, is_remote
from blastscreen.imaging.cell_stack import CellStack, Pixels, Range

_UNFINISHED = ".unfinished"

logger = logging.getLogger(__name__)


class ArrayStack(AtomicSave, AbstractVersionedDataset[CellStack, CellStack]):
    """A `CellStack` in a Zarr 3 store: a folder with one file for every few cells.

    Saving asks the stack for one chunk after the other, and loading gives a stack that reads from the store, so memory
    stays flat however many cells there are. Every chunk carries a checksum, and the store a list of them.

    The store may lie in an object store. There, a version counts once its `zarr.json` is written, which is done last;
    an interrupted save is not gone on from, and of two runs that save the same version the last one wins.

    Examples:
        In a catalog::

            cell_images:
              type: blastscreen.datasets.ArrayStack
              filepath: data/03_primary/cell_images.zarr
              versioned: true
    """

    _is_one_file = False

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        chunk: int = 16,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the store; nothing is read yet.

        Args:
            filepath: Folder of the store, or its address as fsspec spells it, such as `s3://bucket/cells.zarr`.
            version: Version to load and to save, if versioned.
            chunk: Cells in one file, at least 1; also how many are held in memory at a time.
            credentials: What fsspec is to be told to open the object store; of no meaning for local files.
            metadata: For other tools; ignored here.

        Raises:
            DatasetError: If fsspec cannot reach the object store, or the chunk is less than 1.
        """
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._fs: AbstractFileSystem | None = None
        if is_remote(filepath):
            self._fs, path = connect(filepath, credentials)
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=None if self._fs is None else partial(is_whole, self._fs),
            glob_function=None if self._fs is None else self._list_versions,
        )
        if chunk < 1:
            raise DatasetError(f"chunk: a file holds at least 1 cell, not {chunk}.")
        self._chunk = chunk
        self.metadata = metadata

    def save(self, data: CellStack) -> None:
        """Write the cells, one chunk at a time.

        Chunks of a stack whose origin is known are kept beside the versions until `forget_unfinished`: a save that
        follows one that was killed does not compute them again.

        Args:
            data: Cells in any number, none included.
        """
        if self._fs is not None:
            save_stack(self._fs, str(self._get_save_path()), data, chunk=self._chunk)
            return
        path = Path(self._get_save_path())
        workbench = self._workbench()
        with lock_folder(workbench) if data.origin is not None else nullcontext(False) as ours:
            if not ours:
                self._write(data, path)
                return
            self._write(data, workbench / path.name)
            shutil.copytree(workbench / path.name, path, copy_function=_link_or_copy)

    def _list_versions(self, pattern: str) -> list[str]:  # noqa: ARG002 (has one place only: that of the versions)
        return [] if self._fs is None else list_versions(self._fs, PurePosixPath(self._filepath))

    def _workbench(self) -> Path:
        filepath = Path(self._filepath)
        return filepath / _UNFINISHED if self._version else filepath.with_name(f".{filepath.name}{_UNFINISHED}")

    def forget_unfinished(self) -> None:
        """Remove what is kept for a save that may be killed, unless another run is at work on it."""
        workbench = self._workbench()
        if workbench.exists():
            with lock_folder(workbench) as ours:
                if ours:
                    shutil.rmtree(workbench)

    def _write(self, data: CellStack, path: Path) -> None:
        files = CellFiles(data.side, self._chunk)
        description = describe_store(data, files)
        ranges = todo = data.ranges(self._chunk)
        if _is_begun(path, description):
            todo = _find_missing(path, files, ranges)
            logger.info("%s: %d of %d files of cells were written before", path, len(ranges) - len(todo), len(ranges))
        else:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            (path / METADATA).write_bytes(description)
        for name, content in files.encode_ranges(data, todo):
            (path / name).unlink(missing_ok=True)  # a damaged file may be linked to from elsewhere
            (path / name).write_bytes(content)
        (path / CHECKSUMS).unlink(missing_ok=True)
        ends = (_read_end(path / name) for name in files.names(0, len(data)))
        (path / CHECKSUMS).write_bytes(list_checksums(description, ends))

    def load(self) -> CellStack:
        """Open the store; cells are read when the stack is asked for them.

        Raises:
            DatasetError: If the folder is no store of cells, or parts of it are missing. Reading from the stack raises
                it too, for damaged or vanished files.
        """
        if self._fs is not None:
            return load_stack(self._fs, str(self._get_load_path()))
        path = Path(self._get_load_path())
        image_ids, origin, files, digest = open_store(lambda name: (path / name).read_bytes(), where=path)
        missing = [name for name in files.names(0, len(image_ids)) if not (path / name).is_file()]
        require_none_missing(missing, where=path)
        read = _FileReader(path, files, digest)
        return CellStack(image_ids=image_ids, side=files.side, read=read, origin=origin)

    def preview(self) -> ImagePreview:
        """Show some cells from all parts of the stack."""
        cells = self.load()
        return preview_cells(cells.cell(position) for position in choose_positions(len(cells)))

    def _exists(self) -> bool:
        return bool(self._exists_function(str(self._get_load_path())))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "chunk": self._chunk, "version": self._version}


def _is_begun(path: Path, description: bytes) -> bool:
    """Tell whether a killed save of the same cells left something."""
    try:
        return (path / METADATA).read_bytes() == description
    except OSError:
        return False


def _find_missing(path: Path, files: CellFiles, ranges: list[Range]) -> list[Range]:
    """Read every file once: one that is missing or fails its checksum is to be written again."""
    missing = []
    for start, stop in ranges:
        (name,) = files.names(start, stop)
        try:
            files.decode((path / name).read_bytes())
        except (OSError, ValueError, RuntimeError):
            missing.append((start, stop))
    return missing


def _read_end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-END_SIZE, os.SEEK_END)
        return file.read()


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


@dataclass(frozen=True)
class _FileReader:
    """Reads ranges of cells and never takes a lost or damaged file for black cells."""

    path: Path
    files: CellFiles
    digest: str

    def __call__(self, start: int, stop: int) -> Pixels:
        return self.files.read(self._fetch, start, stop, digest=self.digest, where=self.path)

    def _fetch(self, name: str) -> bytes:
        return (self.path / name).read_bytes()
