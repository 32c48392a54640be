"""How a stack of standardised cells is laid out in a Zarr store, wherever that lies.

zarr describes and opens a store. The files of cells in it are made and read by the codecs that zarr uses, without
zarr's own copies of every cell on the way.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numcodecs.blosc
import numpy as np
import zarr
from kedro.io.core import DatasetError
from numcodecs.blosc import Blosc
from numcodecs.checksum32 import CRC32C
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import StoreLike

from blastscreen.imaging.stack import CellStack, Pixels, Range

FORMAT_VERSION = 1
METADATA = "zarr.json"

# On real cells lz4 takes a sixth of the time of zstd and 1.6 times the room; level 9 would save an eighth of that room
# and take half as long again.
numcodecs.blosc.use_threads = False  # blocks would lie in the order in which threads end
_COMPRESSOR = BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle", typesize=1)
_BLOSC = Blosc(cname="lz4", clevel=5, shuffle=Blosc.NOSHUFFLE, typesize=1)
_CHECKSUM = CRC32C()
_BLOSC_SIZE = slice(4, 8)  # where Blosc says how many bytes there were; it would leave the rest of a target as it was


@dataclass(frozen=True)
class CellFiles:
    """The files of a store: which cells are in which, and how. Small enough to be sent to other processes.

    Attributes:
        side: Height and width of every cell, pixels.
        chunk: Cells in one file.
    """

    side: int
    chunk: int

    def names(self, start: int, stop: int) -> list[str]:
        """Name the files that hold the cells at positions start <= i < stop, in order."""
        return [f"c.{number}.0.0.0" for number in range(start // self.chunk, -(-stop // self.chunk))]

    def encode(self, pixels: Pixels) -> bytes:
        """Make the file of a few cells.

        Args:
            pixels: (n, side, side, 3), 1 <= n <= chunk; the last file of a store may have fewer cells than the others.
        """
        missing = self.chunk - len(pixels)
        whole = np.pad(pixels, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else np.ascontiguousarray(pixels)
        return bytes(_CHECKSUM.encode(_BLOSC.encode(whole)))

    def encode_ranges(self, data: CellStack, ranges: Sequence[Range]) -> Iterator[tuple[str, bytes]]:
        """Make the files of some ranges of cells, where the cells are computed; yields name and content of each."""
        for (start, stop), content in zip(ranges, data.map_ranges(self.encode, ranges), strict=True):
            (name,) = self.names(start, stop)
            yield name, content

    def read(self, fetch: Callable[[str], bytes], start: int, stop: int, *, where: object) -> Pixels:
        """Read the cells at positions start <= i < stop.

        Args:
            fetch: Gives the content of a file, by name; raises FileNotFoundError if it is not there.
            start: First position.
            stop: Position behind the last.
            where: The store, as an error names it.

        Returns:
            (stop - start, side, side, 3) uint8.

        Raises:
            DatasetError: A file is missing or damaged; it is never taken for black cells.
        """
        contents = {}
        for name in (names := self.names(start, stop)):
            with suppress(FileNotFoundError):
                contents[name] = fetch(name)
        require_none_missing([name for name in names if name not in contents], where=where)
        cells = np.empty((len(names), self.chunk, self.side, self.side, 3), np.uint8)
        try:
            for content, target in zip(contents.values(), cells, strict=True):
                _decode(content, target)
        except (ValueError, RuntimeError) as exc:
            raise DatasetError(
                f"Cells {start} to {stop} of {where} are damaged ({exc}). Run its pipeline again."
            ) from exc
        before, wanted = start % self.chunk, stop - start
        found = cells.reshape(-1, *cells.shape[2:])[before : before + wanted]
        return found if wanted == len(names) * self.chunk else found.copy()  # a view would keep all of them in memory


def _decode(content: bytes, target: Pixels) -> None:
    """Write the cells of a file to an array; RuntimeError or ValueError if it does not hold them."""
    compressed = _CHECKSUM.decode(content)
    size = int.from_bytes(compressed[_BLOSC_SIZE], "little")
    if size != target.nbytes:
        raise ValueError(f"a file of {size} bytes of pixels, not {target.nbytes}")
    _BLOSC.decode(compressed, target)


class StoredCells(NamedTuple):
    """What the description of a store says: names of the cells, what they follow from (if known), and their files."""

    image_ids: list[str]
    origin: str | None
    files: CellFiles


def describe_store(store: StoreLike, data: CellStack, files: CellFiles) -> None:
    """Write the description of a store for some cells, which will lie in such files."""
    zarr.create_array(
        store=store,
        shape=(len(data), data.side, data.side, 3),
        chunks=(files.chunk, data.side, data.side, 3),
        dtype=np.uint8,
        compressors=(_COMPRESSOR, Crc32cCodec()),
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes={"blastscreen_format": FORMAT_VERSION, "image_ids": list(data.image_ids), "origin": data.origin},
        zarr_format=3,
    )


def open_store(store: StoreLike, *, where: object) -> StoredCells:
    """Read the description of a store of cells.

    Raises:
        DatasetError: There is none that could be opened, it is no store of cells in this format, or contradicts itself.
    """
    try:
        array = zarr.open_array(store=store, mode="r", zarr_format=3)
    except Exception as exc:
        raise DatasetError(f"{where} cannot be opened as a store of cells ({exc!s}). Run its pipeline again.") from exc
    image_ids, origin = array.attrs.get("image_ids"), array.attrs.get("origin")
    is_ours = array.attrs.get("blastscreen_format") == FORMAT_VERSION and array.dtype == np.uint8
    if not is_ours or not isinstance(image_ids, list):
        raise DatasetError(f"{where} is not a store of cells in format {FORMAT_VERSION}. Run its pipeline again.")
    if array.ndim != 4 or len(image_ids) != array.shape[0] or not _holds_squares(array.shape, array.chunks):
        raise DatasetError(f"{where} names {len(image_ids)} cells and holds {array.shape}. Run its pipeline again.")
    files = CellFiles(side=array.shape[1], chunk=array.chunks[0])
    return StoredCells(image_ids, origin if isinstance(origin, str) else None, files)


def _holds_squares(shape: tuple[int, ...], chunks: tuple[int, ...]) -> bool:
    return shape[1:] == chunks[1:] == (shape[1], shape[1], 3)


def require_none_missing(missing: Sequence[str], *, where: object) -> None:
    """Raise a DatasetError if files are missing."""
    if missing:
        raise DatasetError(
            f"{where} lacks {len(missing)} files of cells, such as {missing[0]}. Run its pipeline again."
        )
