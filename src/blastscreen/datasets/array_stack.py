"""Stacks of standardised cells in a Zarr store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from kedro.io.core import AbstractVersionedDataset, DatasetError, Version
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from blastscreen.datasets.atomic import AtomicSave, require_local_path
from blastscreen.imaging.stack import CellStack

FORMAT_VERSION = 1


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

        Args:
            data: Cells in any number, none included.
        """
        shape = (len(data), data.side, data.side, 3)
        array = zarr.create_array(
            store=str(self._get_save_path()),
            shape=shape,
            chunks=(self._chunk, *shape[1:]),
            dtype=np.uint8,
            # smallest and fastest of the lz4 settings on real cells
            compressors=(BloscCodec(cname="lz4", clevel=9, shuffle="noshuffle", typesize=1), Crc32cCodec()),
            chunk_key_encoding={"name": "default", "separator": "."},
            # zarr leaves out chunks that are all 0 and reads missing ones as 0: here a missing file is damage
            config={"write_empty_chunks": True},
            attributes={"blastscreen_format": FORMAT_VERSION, "image_ids": list(data.image_ids)},
            zarr_format=3,
        )
        start = 0
        for _, pixels in data.batches(self._chunk):
            array[start : start + len(pixels)] = pixels
            start += len(pixels)

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
        reader = _ChunkReader(path, array)
        reader.require_chunks(0, len(image_ids))
        return CellStack(image_ids=image_ids, side=array.shape[1], read=reader)

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "chunk": self._chunk, "version": self._version}


def _open_array(path: Path) -> zarr.Array[Any]:
    try:
        return zarr.open_array(store=str(path), mode="r", zarr_format=3)
    except Exception as exc:
        raise DatasetError(f"{path} cannot be opened as a store of cells ({exc!s}). Run its pipeline again.") from exc


@dataclass(frozen=True)
class _ChunkReader:
    """Reads ranges of cells and never takes a lost or damaged file for black cells."""

    path: Path
    array: zarr.Array[Any]

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
