"""How a stack of standardised cells is laid out in a Zarr store, wherever that lies.

zarr describes and opens a store. The files of cells in it are made and read by the codecs that zarr uses, without
zarr's own copies of every cell on the way.

Each file of cells ends in a checksum, which tells a damaged file, and a list of them tells files that were swapped. The
list lies beside the description of the store, with the digest of that.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numcodecs.blosc
import numpy as np
import zarr
from numcodecs.blosc import Blosc
from numcodecs.checksum32 import CRC32C
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer import Buffer, cpu
from zarr.storage import MemoryStore

from blastscreen.datasets.digests import EntryRefused, advise
from blastscreen.imaging.cell_stack import CellStack, Pixels, Range

FORMAT_VERSION = 1
METADATA = "zarr.json"
CHECKSUMS = "checksums.json"

Fetch = Callable[[str], bytes]
"""Gives the content of a file of a store, by name; raises an OSError if it is not there."""

# On real cells lz4 takes a sixth of the time of zstd and 1.6 times the room; level 9 would save an eighth of that room
# and take half as long again.
numcodecs.blosc.use_threads = False  # blocks would lie in the order in which threads end
_COMPRESSOR = BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle", typesize=1)
_BLOSC = Blosc(cname="lz4", clevel=5, shuffle=Blosc.NOSHUFFLE, typesize=1)
_CHECKSUM = CRC32C()
END_SIZE = 4
"""Bytes at the end of a file of cells that are its checksum."""
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

    def decode(self, content: bytes) -> Pixels:
        """Read the cells of a whole file; ValueError or RuntimeError if it does not hold them."""
        cells = np.empty((self.chunk, self.side, self.side, 3), np.uint8)
        _decode(content, cells)
        return cells

    def encode_ranges(self, data: CellStack, ranges: Sequence[Range]) -> Iterator[tuple[str, bytes]]:
        """Make the files of some ranges of cells, where the cells are computed; yields name and content of each."""
        for (start, stop), content in zip(ranges, data.map_ranges(self.encode, ranges), strict=True):
            (name,) = self.names(start, stop)
            yield name, content

    def read(self, fetch: Fetch, start: int, stop: int, *, digest: str, where: object) -> Pixels:
        """Read the cells at positions start <= i < stop.

        Args:
            fetch: Hashable, because the list of checksums is read once in a process.
            start: First position.
            stop: Position behind the last.
            digest: That of the list of checksums when the store was opened.
            where: The store, as an error names it.

        Returns:
            (stop - start, side, side, 3) uint8.

        Raises:
            EntryRefused: A file is missing or is not the one that was saved; it is never taken for black cells.
        """
        contents = {}
        for name in (names := self.names(start, stop)):
            with suppress(FileNotFoundError):
                contents[name] = fetch(name)
        require_none_missing([name for name in names if name not in contents], where=where)
        cells = np.empty((len(names), self.chunk, self.side, self.side, 3), np.uint8)
        first = start // self.chunk
        known = _read_checksums(fetch, digest, where)[first : first + len(names)]
        try:
            for content, checksum, target in zip(contents.values(), known, cells, strict=True):
                if content[-END_SIZE:].hex() != checksum:
                    raise ValueError("not the files that were saved")
                _decode(content, target)
        except (ValueError, RuntimeError) as exc:
            raise EntryRefused(f"Cells {start} to {stop} of {where} are damaged ({exc}). {advise(where)}") from exc
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
    """What a store says of itself: names of the cells, their cache key (if known), files, digest of the checksums."""

    image_ids: list[str]
    origin: str | None
    files: CellFiles
    digest: str


def describe_store(data: CellStack, files: CellFiles) -> bytes:
    """Describe a store for some cells, which will lie in such files, as zarr does."""
    draft: dict[str, Buffer] = {}
    zarr.create_array(
        store=MemoryStore(draft),
        shape=(len(data), data.side, data.side, 3),
        chunks=(files.chunk, data.side, data.side, 3),
        dtype=np.uint8,
        compressors=(_COMPRESSOR, Crc32cCodec()),
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes={"blastscreen_format": FORMAT_VERSION, "image_ids": list(data.image_ids), "origin": data.origin},
        zarr_format=3,
    )
    return draft[METADATA].to_bytes()


def list_checksums(description: bytes, ends: Iterable[bytes]) -> bytes:
    """List what tells the files of a store: the digest of its description, and how each file of cells ends.

    Args:
        description: Result of `describe_store`.
        ends: The contents of the files of cells in order, or as much of them as holds the last four bytes.
    """
    files = [end[-END_SIZE:].hex() for end in ends]
    return json.dumps({METADATA: hashlib.sha256(description).hexdigest(), "files": files}).encode()


def open_store(fetch: Fetch, *, where: object) -> StoredCells:
    """Read the description of a store of cells.

    Raises:
        EntryRefused: There is none, it is not what was saved, it is no store of cells in this format, or contradicts
            itself.
    """
    description, checksums = _fetch_description(fetch, where)
    try:
        array = zarr.open_array(
            store=MemoryStore({METADATA: cpu.Buffer.from_bytes(description)}), mode="r", zarr_format=3
        )
    except Exception as exc:
        raise EntryRefused(f"{where} cannot be opened as a store of cells ({exc!s}). {advise(where)}") from exc
    image_ids, origin = array.attrs.get("image_ids"), array.attrs.get("origin")
    is_ours = array.attrs.get("blastscreen_format") == FORMAT_VERSION and array.dtype == np.uint8
    if not is_ours or not isinstance(image_ids, list):
        raise EntryRefused(f"{where} is not a store of cells in format {FORMAT_VERSION}. {advise(where)}")
    if array.ndim != 4 or len(image_ids) != array.shape[0] or not _holds_squares(array.shape, array.chunks):
        raise EntryRefused(f"{where} names {len(image_ids)} cells and holds {array.shape}. {advise(where)}")
    files = CellFiles(side=array.shape[1], chunk=array.chunks[0])
    digest = hashlib.sha256(checksums).hexdigest()
    return StoredCells(image_ids, origin if isinstance(origin, str) else None, files, digest)


def _fetch_description(fetch: Fetch, where: object) -> tuple[bytes, bytes]:
    """Fetch the description of a store and the list of checksums, which agree."""
    try:
        description = fetch(METADATA)
    except OSError as exc:
        raise EntryRefused(
            f"{where} cannot be opened as a store of cells: it is not there, or was never finished. {advise(where)}"
        ) from exc
    try:
        checksums = fetch(CHECKSUMS)
        listed = json.loads(checksums)
        known, _ = listed[METADATA], listed["files"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise EntryRefused(f"{where} has no whole {CHECKSUMS}, by which damage is told. {advise(where)}") from exc
    if known != hashlib.sha256(description).hexdigest():
        raise EntryRefused(f"{where} is damaged: its {METADATA} is not what was saved. {advise(where)}")
    return description, checksums


@lru_cache(maxsize=8)
def _read_checksums(fetch: Fetch, digest: str, where: object) -> list[str]:
    checksums = fetch(CHECKSUMS)
    if hashlib.sha256(checksums).hexdigest() != digest:
        raise EntryRefused(f"{where} has changed since it was opened. Run again.")
    known: list[str] = json.loads(checksums)["files"]
    return known


def _holds_squares(shape: tuple[int, ...], chunks: tuple[int, ...]) -> bool:
    return shape[1:] == chunks[1:] == (shape[1], shape[1], 3)


def require_none_missing(missing: Sequence[str], *, where: object) -> None:
    """Raise an error if files are missing."""
    if missing:
        raise EntryRefused(f"{where} lacks {len(missing)} files of cells, such as {missing[0]}. {advise(where)}")
