"""Stacks of standardised cells in an object store, such as S3.

Files go there whole, one for every few cells, and the description of the store last: a store without one was never
finished, and is no version. Nothing has to be renamed, which object stores cannot do.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from fsspec import AbstractFileSystem
from kedro.io.core import DatasetError

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
from blastscreen.imaging.cell_stack import CellStack, Pixels


def is_whole(fs: AbstractFileSystem, path: str) -> bool:
    """Tell whether a store has been finished."""
    fs.invalidate_cache()
    try:
        return bool(fs.info(f"{path}/{METADATA}")["type"] == "file")
    except FileNotFoundError:
        return False


def list_versions(fs: AbstractFileSystem, filepath: PurePosixPath) -> list[str]:
    """Name where the store of each version lies or would lie, whole or not."""
    return [f"{filepath}/{version}/{filepath.name}" for version in _list_names(fs, str(filepath))]


def save_stack(fs: AbstractFileSystem, path: str, data: CellStack, *, chunk: int) -> None:
    """Write the cells, one file at a time; the description of the store last.

    Raises:
        DatasetError: There are folders in the way, perhaps versions; or there is no such bucket.
    """
    _clear(fs, path)
    files = CellFiles(data.side, chunk)
    description = describe_store(data, files)
    ends = []
    try:
        for name, content in files.encode_ranges(data, data.ranges(chunk)):
            fs.pipe_file(f"{path}/{name}", content)
            ends.append(content[-END_SIZE:])
        fs.pipe_file(f"{path}/{CHECKSUMS}", list_checksums(description, ends))
        fs.pipe_file(f"{path}/{METADATA}", description)
    except BaseException as exc:
        with suppress(Exception):  # the first error tells more
            _clear(fs, path)
        if isinstance(exc, FileNotFoundError):
            # Kedro would explain it as a clash of versioned and unversioned files
            raise DatasetError(f"{fs.unstrip_protocol(path)} cannot be written: {exc}") from exc
        raise


def load_stack(fs: AbstractFileSystem, path: str) -> CellStack:
    """Open a store; cells are read when the stack is asked for them.

    Raises:
        DatasetError: If there is no finished store of cells, or parts of it are missing. Reading from the stack raises
            it too, for damaged or vanished files.
    """
    where = fs.unstrip_protocol(path)
    image_ids, origin, files, digest = open_store(lambda name: fs.cat_file(f"{path}/{name}"), where=where)
    stored = _list_names(fs, path)
    require_none_missing([name for name in files.names(0, len(image_ids)) if name not in stored], where=where)
    read = RemoteReader(fs, path, files, digest)
    return CellStack(image_ids=image_ids, side=files.side, read=read, origin=origin)


@dataclass(frozen=True)
class RemoteReader:
    """Reads ranges of cells and never takes a lost or damaged file for black cells.

    Attributes:
        fs: Where the store lies.
        path: Of the store in it.
        files: What the files of the store are.
        digest: Of the list of their checksums.
    """

    fs: AbstractFileSystem
    path: str
    files: CellFiles
    digest: str

    def __call__(self, start: int, stop: int) -> Pixels:
        """Read the cells at positions start <= i < stop, (stop - start, side, side, 3); raises DatasetError."""
        where = self.fs.unstrip_protocol(self.path)
        return self.files.read(self._fetch, start, stop, digest=self.digest, where=where)

    def _fetch(self, name: str) -> bytes:
        content: bytes = self.fs.cat_file(f"{self.path}/{name}")
        return content


def _list_names(fs: AbstractFileSystem, path: str) -> dict[str, str]:
    """What lies in a folder, if anything: names and what they are."""
    fs.invalidate_cache()
    try:
        entries = fs.ls(path, detail=True)
    except FileNotFoundError:
        return {}
    return {PurePosixPath(entry["name"]).name: entry["type"] for entry in entries}


def _clear(fs: AbstractFileSystem, path: str) -> None:
    """Remove a store, its description first: a removal that is killed leaves an unfinished store."""
    names = _list_names(fs, path)
    if "directory" in names.values():
        raise DatasetError(
            f"{fs.unstrip_protocol(path)} holds folders, perhaps versions saved while this dataset had "
            "`versioned: true`. Move it away first, or set `versioned: true`."
        )
    for name in sorted(names, key=lambda name: name != METADATA):
        if name in (METADATA, CHECKSUMS) or name.startswith("c."):
            fs.rm_file(f"{path}/{name}")
