"""How a stack of standardised cells is laid out in a Zarr store, wherever that lies."""

from typing import Any

import numpy as np
import zarr
from kedro.io.core import DatasetError
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore, StoreLike

from blastscreen.imaging.stack import CellStack, Pixels

FORMAT_VERSION = 1
METADATA = "zarr.json"


def create_array(store: StoreLike, data: CellStack, *, chunk: int) -> zarr.Array[Any]:
    """Describe an empty array for the cells; every `chunk` of them will be one file with a checksum."""
    attributes = {"blastscreen_format": FORMAT_VERSION, "image_ids": list(data.image_ids), "origin": data.origin}
    return _create_array(store, (len(data), data.side, data.side, 3), chunk=chunk, attributes=attributes)


def encode_chunk(pixels: Pixels, *, chunk: int) -> bytes:
    """Make the file of a few cells.

    Args:
        pixels: (n, side, side, 3), 1 <= n <= chunk; the last file of a store may have fewer cells than the others.
        chunk: Cells in one file.
    """
    files: dict[str, Buffer] = {}
    array = _create_array(MemoryStore(files), (chunk, *pixels.shape[1:]), chunk=chunk, attributes={})
    array[: len(pixels)] = pixels
    (key,) = chunk_keys(array, 0, 1)
    return files[key].to_bytes()


def _create_array(
    store: StoreLike, shape: tuple[int, ...], *, chunk: int, attributes: dict[str, Any]
) -> zarr.Array[Any]:
    return zarr.create_array(
        store=store,
        shape=shape,
        chunks=(chunk, *shape[1:]),
        dtype=np.uint8,
        # smallest and fastest of the lz4 settings on real cells
        compressors=(BloscCodec(cname="lz4", clevel=9, shuffle="noshuffle", typesize=1), Crc32cCodec()),
        chunk_key_encoding={"name": "default", "separator": "."},
        # zarr leaves out chunks that are all 0 and reads missing ones as 0: here a missing file is damage
        config={"write_empty_chunks": True},
        attributes=attributes,
        zarr_format=3,
    )


def open_array(store: StoreLike, *, where: object) -> zarr.Array[Any]:
    """Open an array of cells to read it.

    Raises:
        DatasetError: There is none that could be opened.
    """
    try:
        return zarr.open_array(store=store, mode="r", zarr_format=3)
    except Exception as exc:
        raise DatasetError(f"{where} cannot be opened as a store of cells ({exc!s}). Run its pipeline again.") from exc


def read_names(array: zarr.Array[Any], *, where: object) -> tuple[list[str], str | None]:
    """Give the image ids of an array of cells, and what the cells follow from if that is known.

    Raises:
        DatasetError: It is no array of cells in this format, or contradicts itself.
    """
    image_ids, origin = array.attrs.get("image_ids"), array.attrs.get("origin")
    if array.attrs.get("blastscreen_format") != FORMAT_VERSION or not isinstance(image_ids, list):
        raise DatasetError(f"{where} is not a store of cells in format {FORMAT_VERSION}. Run its pipeline again.")
    if array.ndim != 4 or len(image_ids) != array.shape[0]:
        raise DatasetError(f"{where} names {len(image_ids)} cells and holds {array.shape}. Run its pipeline again.")
    return image_ids, origin if isinstance(origin, str) else None


def chunk_keys(array: zarr.Array[Any], start: int, stop: int) -> list[str]:
    """Name the files that hold the cells at positions start <= i < stop, in order."""
    size = array.chunks[0]
    return [array.metadata.encode_chunk_key((i, 0, 0, 0)) for i in range(start // size, -(-stop // size))]


def require_none_missing(missing: list[str], *, where: object) -> None:
    """Raise a DatasetError if files are missing: zarr would read black cells in their place."""
    if missing:
        raise DatasetError(
            f"{where} lacks {len(missing)} files of cells, such as {missing[0]}. Run its pipeline again."
        )
