"""Stacks of standardised cells in a Zarr store."""

import logging
import os
import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from kedro.io.core import AbstractVersionedDataset, DatasetError, Version
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from blastscreen.datasets.atomic import AtomicSave, lock_folder, require_local_path
from blastscreen.imaging.stack import CellStack, Range

FORMAT_VERSION = 1

_UNFINISHED = ".unfinished"
_METADATA = "zarr.json"

logger = logging.getLogger(__name__)


class ArrayStack(AtomicSave, AbstractVersionedDataset[CellStack, CellStack]):
    """A `CellStack` in a Zarr 3 store: a folder with one file for every few cells.

    Saving asks the stack for one chunk after the other, and loading gives a stack that reads from the store, so memory
    stays flat however many cells there are. Every chunk carries a checksum.

    Examples:
        In a catalog::

            cell_images:
              type: blastscreen.datasets.ArrayStack
              filepath: data/03_primary/cell_images.zarr
              versioned: true
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        chunk: int = 16,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the store; nothing is read yet.

        Args:
            filepath: Folder of the store, local.
            version: Version to load and to save, if versioned.
            chunk: Cells in one file, at least 1; also how many are held in memory at a time.
            metadata: For other tools; ignored here.

        Raises:
            DatasetError: If the path is not local, or the chunk less than 1.
        """
        super().__init__(filepath=require_local_path(filepath, version), version=version)
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
        path = Path(self._get_save_path())
        workbench = self._workbench()
        with lock_folder(workbench) if data.origin is not None else nullcontext(False) as ours:
            if not ours:
                self._write(data, path)
                return
            self._write(data, workbench / path.name)
            shutil.copytree(workbench / path.name, path, copy_function=_link_or_copy)

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
        ranges = data.ranges(self._chunk)
        array = _open_unfinished(path, data, chunk=self._chunk)
        if array is None:
            shutil.rmtree(path, ignore_errors=True)
            array = _create_array(path, data, chunk=self._chunk)
            todo = ranges
        else:
            todo = _find_missing(_ChunkReader(path, path.joinpath(_METADATA).stat().st_mtime_ns), ranges)
            logger.info("%s: %d of %d files of cells were written before", path, len(ranges) - len(todo), len(ranges))
        for (start, stop), pixels in zip(todo, data.read_ranges(todo), strict=True):
            array[start:stop] = pixels

    def load(self) -> CellStack:
        """Open the store; cells are read when the stack is asked for them.

        Raises:
            DatasetError: If the folder is no store of cells, or parts of it are missing. Reading from the stack raises
                it too, for damaged or vanished files.
        """
        path = Path(self._get_load_path())
        array = _open_array(path)
        image_ids = array.attrs.get("image_ids")
        if array.attrs.get("blastscreen_format") != FORMAT_VERSION or not isinstance(image_ids, list):
            raise DatasetError(f"{path} is not a store of cells in format {FORMAT_VERSION}. Run its pipeline again.")
        if array.ndim != 4 or len(image_ids) != array.shape[0]:
            raise DatasetError(f"{path} names {len(image_ids)} cells and holds {array.shape}. Run its pipeline again.")
        reader = _ChunkReader(path, path.joinpath(_METADATA).stat().st_mtime_ns)
        reader.require_chunks(0, len(image_ids))
        origin = array.attrs.get("origin")
        return CellStack(
            image_ids=image_ids,
            side=array.shape[1],
            read=reader,
            origin=origin if isinstance(origin, str) else None,
        )

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "chunk": self._chunk, "version": self._version}


@lru_cache(maxsize=8)
def _open_cached(path: Path, changed: int) -> zarr.Array[Any]:  # noqa: ARG001 (tells a store from the one before it)
    return _open_array(path)


def _open_array(path: Path) -> zarr.Array[Any]:
    try:
        return zarr.open_array(store=str(path), mode="r", zarr_format=3)
    except Exception as exc:
        raise DatasetError(f"{path} cannot be opened as a store of cells ({exc!s}). Run its pipeline again.") from exc


def _create_array(path: Path, data: CellStack, *, chunk: int) -> zarr.Array[Any]:
    shape = (len(data), data.side, data.side, 3)
    return zarr.create_array(
        store=str(path),
        shape=shape,
        chunks=(chunk, *shape[1:]),
        dtype=np.uint8,
        # smallest and fastest of the lz4 settings on real cells
        compressors=(BloscCodec(cname="lz4", clevel=9, shuffle="noshuffle", typesize=1), Crc32cCodec()),
        chunk_key_encoding={"name": "default", "separator": "."},
        # zarr leaves out chunks that are all 0 and reads missing ones as 0: here a missing file is damage
        config={"write_empty_chunks": True},
        attributes={"blastscreen_format": FORMAT_VERSION, "image_ids": list(data.image_ids), "origin": data.origin},
        zarr_format=3,
    )


def _open_unfinished(path: Path, data: CellStack, *, chunk: int) -> zarr.Array[Any] | None:
    """Open what a killed save of the same cells left; None if there is nothing of the kind."""
    try:
        array = zarr.open_array(store=str(path), mode="r+", zarr_format=3, config={"write_empty_chunks": True})
    except Exception:  # whatever is there cannot be used
        return None
    wanted = (FORMAT_VERSION, data.origin, list(data.image_ids), (chunk, data.side, data.side, 3))
    attributes = array.attrs
    found = (*(attributes.get(name) for name in ("blastscreen_format", "origin", "image_ids")), array.chunks)
    return array if found == wanted else None


def _find_missing(reader: "_ChunkReader", ranges: list[Range]) -> list[Range]:
    """Read every file once: one that is missing or fails its checksum is to be written again."""
    missing = []
    for start, stop in ranges:
        try:
            reader(start, stop)
        except DatasetError:
            missing.append((start, stop))
    return missing


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


@dataclass(frozen=True)
class _ChunkReader:
    """Reads ranges of cells and never takes a lost or damaged file for black cells.

    Holds no array, so that it is small when it is sent to other processes.
    """

    path: Path
    changed: int

    @property
    def array(self) -> zarr.Array[Any]:
        return _open_cached(self.path, self.changed)

    def __call__(self, start: int, stop: int) -> NDArray[np.uint8]:
        self.require_chunks(start, stop)
        try:
            return np.asarray(self.array[start:stop])
        except (ValueError, RuntimeError) as exc:
            raise DatasetError(
                f"Cells {start} to {stop} of {self.path} are damaged ({exc}). Run its pipeline again."
            ) from exc

    def require_chunks(self, start: int, stop: int) -> None:
        """Raise a DatasetError if a file that holds any of these cells is missing."""
        size = self.array.chunks[0]
        keys = (self.array.metadata.encode_chunk_key((i, 0, 0, 0)) for i in range(start // size, -(-stop // size)))
        missing = [key for key in keys if not (self.path / key).is_file()]
        if missing:
            raise DatasetError(
                f"{self.path} lacks {len(missing)} files of cells, such as {missing[0]}. Run its pipeline again."
            )
