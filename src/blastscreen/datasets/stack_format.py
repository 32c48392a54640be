"""How a stack of standardised cells is laid out in a Zarr store, wherever that lies.

zarr describes and opens a store. The files of cells in it are made and read by the codecs that zarr uses, without
zarr's own copies of every cell on the way.

Each file of cells ends in a checksum, which reveals damage. A list of them, which reveals swapped files, lies beside
the description of the store, with the digest of that.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numcodecs.blosc
import numpy as np
import zarr
from fsspec import AbstractFileSystem
from numcodecs.blosc import Blosc
from numcodecs.checksum32 import CRC32C
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer import Buffer, cpu
from zarr.storage import MemoryStore

from blastscreen.datasets.storage import spell_address
from blastscreen.datasets.whole_files import EntryRefused, advise, refuse
from blastscreen.imaging.cell_stack import CellStack, Pixels

FORMAT_VERSION = 1
METADATA = "zarr.json"
CHECKSUMS = "checksums.json"

# On real cells lz4 takes a sixth of the time of zstd and 1.6 times the room; level 9 would save an eighth of that room
# and take half as long again.
numcodecs.blosc.use_threads = False  # blocks would lie in the order in which threads end
_COMPRESSOR = BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle", typesize=1)
_BLOSC = Blosc(cname="lz4", clevel=5, shuffle=Blosc.NOSHUFFLE, typesize=1)
_CHECKSUM = CRC32C()
_BLOSC_SIZE = slice(4, 8)  # where Blosc says how many bytes there were; it would leave the rest of a target as it was


@dataclass(frozen=True)
class CellFiles:
    """The files of a store: `chunk` cells of `side` x `side` pixels in each. Small when sent to other processes."""

    side: int
    chunk: int

    def names(self, start: int, stop: int) -> list[str]:
        """Name the files that hold the cells at positions start <= i < stop, in order."""
        return [f"c.{number}.0.0.0" for number in range(start // self.chunk, -(-stop // self.chunk))]

    def encode(self, pixels: Pixels) -> bytes:
        """Make the file of cells (n, side, side, 3), 1 <= n <= chunk; only the last of a store may have n < chunk."""
        missing = self.chunk - len(pixels)
        whole = np.pad(pixels, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else np.ascontiguousarray(pixels)
        return bytes(_CHECKSUM.encode(_BLOSC.encode(whole)))

    def decode(self, contents: Sequence[bytes], checksums: Iterable[str]) -> Pixels:
        """Read the cells (n * chunk, side, side, 3) of n files; RuntimeError or ValueError if they don't hold them."""
        cells = np.empty((len(contents), self.chunk, self.side, self.side, 3), np.uint8)
        for content, checksum, target in zip(contents, checksums, cells, strict=True):
            if find_checksum(content) != checksum:
                raise ValueError("not the files that were saved")
            compressed = _CHECKSUM.decode(content)
            size = int.from_bytes(compressed[_BLOSC_SIZE], "little")
            if size != target.nbytes:
                raise ValueError(f"a file of {size} bytes of pixels, not {target.nbytes}")
            _BLOSC.decode(compressed, target)
        return cells.reshape(-1, self.side, self.side, 3)


def find_checksum(content: bytes) -> str:
    """Return the checksum that a file of cells ends in."""
    return content[-4:].hex()


def describe_store(data: CellStack, files: CellFiles) -> bytes:
    """Describe the store of some cells as zarr does."""
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


def write_store(
    fs: AbstractFileSystem,
    path: str,
    *,
    data: CellStack,
    files: CellFiles,
    description: bytes,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a store, one file of cells at a time, encoded where they are computed; its description comes last.

    `kept` are files that are there already, with their checksums.
    """
    names = files.names(0, len(data))
    written = [name for name in names if name not in kept]
    ranges = [bounds for bounds, name in zip(data.ranges(files.chunk), names, strict=True) if name not in kept]
    checksums = dict(kept)
    for name, content in zip(written, data.map_ranges(files.encode, ranges), strict=True):
        fs.pipe_file(f"{path}/{name}", content)
        checksums[name] = find_checksum(content)
    listed = {METADATA: hashlib.sha256(description).hexdigest(), "files": [checksums[name] for name in names]}
    fs.pipe_file(f"{path}/{CHECKSUMS}", json.dumps(listed).encode())
    fs.pipe_file(f"{path}/{METADATA}", description)


def list_names(fs: AbstractFileSystem, path: str) -> set[str]:
    """Name what lies in a folder, if it is there."""
    fs.invalidate_cache()
    try:
        return {entry.rpartition("/")[2] for entry in fs.ls(path, detail=False)}
    except FileNotFoundError:
        return set()


def open_store(fs: AbstractFileSystem, path: str) -> CellStack:
    """Open a store to read cells from; EntryRefused if it isn't there, isn't what was saved, or lacks files."""
    where = spell_address(fs, path)
    description, checksums = _fetch_description(fs, path)
    store = MemoryStore({METADATA: cpu.Buffer.from_bytes(description)})
    try:
        array = zarr.open_array(store=store, mode="r", zarr_format=3)
    except Exception as exc:
        raise refuse(where, f"cannot be opened as a store of cells ({exc!s})") from exc
    image_ids, origin = array.attrs.get("image_ids"), array.attrs.get("origin")
    is_ours = array.attrs.get("blastscreen_format") == FORMAT_VERSION and array.dtype == np.uint8
    if not is_ours or not isinstance(image_ids, list):
        raise refuse(where, f"is not a store of cells in format {FORMAT_VERSION}")
    side = array.shape[1] if array.ndim == 4 else 0
    if array.shape != (len(image_ids), side, side, 3) or array.chunks[1:] != (side, side, 3):
        raise refuse(where, f"names {len(image_ids)} cells and holds {array.shape}")
    files = CellFiles(side=side, chunk=array.chunks[0])
    stored = list_names(fs, path)
    if missing := [name for name in files.names(0, len(image_ids)) if name not in stored]:
        raise refuse(where, f"lacks {len(missing)} files of cells, such as {missing[0]}")
    read = StoredCells(fs, path, files, hashlib.sha256(checksums).hexdigest())
    return CellStack(image_ids=image_ids, side=side, read=read, origin=origin if isinstance(origin, str) else None)


@dataclass(frozen=True)
class StoredCells:
    """Reads ranges of cells of a store and never takes a lost or damaged file for black cells."""

    fs: AbstractFileSystem
    path: str
    files: CellFiles
    digest: str  # of the list of checksums, when the store was opened

    def __call__(self, start: int, stop: int) -> Pixels:
        """Read cells (stop - start, side, side, 3); EntryRefused if a file is missing or not the one that was saved."""
        where = spell_address(self.fs, self.path)
        contents = []
        for name in self.files.names(start, stop):
            try:
                contents.append(self.fs.cat_file(f"{self.path}/{name}"))
            except FileNotFoundError as exc:
                raise refuse(where, f"lacks 1 files of cells, such as {name}") from exc
        first = start // self.files.chunk
        known = _read_checksums(self.fs, self.path, self.digest)[first : first + len(contents)]
        try:
            cells = self.files.decode(contents, known)
        except (ValueError, RuntimeError) as exc:
            raise EntryRefused(f"Cells {start} to {stop} of {where} are damaged ({exc}). {advise(where)}") from exc
        before = start % self.files.chunk
        found = cells[before : before + stop - start]
        return found if len(found) == len(cells) else found.copy()  # a view would keep all of them in memory


def _fetch_description(fs: AbstractFileSystem, path: str) -> tuple[bytes, bytes]:
    where = spell_address(fs, path)
    try:
        description = fs.cat_file(f"{path}/{METADATA}")
    except OSError as exc:
        raise refuse(where, "cannot be opened as a store of cells: it is not there, or was never finished") from exc
    try:
        checksums = fs.cat_file(f"{path}/{CHECKSUMS}")
        listed = json.loads(checksums)
        known, _ = listed[METADATA], listed["files"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise refuse(where, f"has no whole {CHECKSUMS}, without which damage can't be seen") from exc
    if known != hashlib.sha256(description).hexdigest():
        raise refuse(where, f"is damaged: its {METADATA} is not what was saved")
    return description, checksums


@lru_cache(maxsize=8)
def _read_checksums(fs: AbstractFileSystem, path: str, digest: str) -> list[str]:
    checksums = fs.cat_file(f"{path}/{CHECKSUMS}")
    if hashlib.sha256(checksums).hexdigest() != digest:
        raise EntryRefused(f"{spell_address(fs, path)} has changed since it was opened. Run again.")
    known: list[str] = json.loads(checksums)["files"]
    return known
