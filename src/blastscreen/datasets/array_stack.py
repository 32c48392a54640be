"""Stacks of standardised cells in a Zarr store."""

import hashlib
import logging
import os
import shutil
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec import AbstractFileSystem
from kedro.io.core import AbstractVersionedDataset, DatasetError, Version
from kedro_datasets._typing import ImagePreview

from blastscreen.datasets.atomic import AtomicSave
from blastscreen.datasets.stack_format import (
    CHECKSUMS,
    METADATA,
    CellFiles,
    describe_store,
    find_checksum,
    list_names,
    open_store,
    write_store,
)
from blastscreen.datasets.storage import connect, is_remote, spell_address
from blastscreen.datasets.viz import preview_cells
from blastscreen.datasets.whole_files import lock_folder
from blastscreen.imaging.cell_stack import CellStack

_UNFINISHED = ".unfinished"

logger = logging.getLogger(__name__)


class ArrayStack(AtomicSave, AbstractVersionedDataset[CellStack, CellStack]):
    """A `CellStack` in a Zarr 3 store: a folder with one file for every few cells; memory stays flat as cells double.

    In an object store nothing can be renamed: a version counts once its `zarr.json` is written, which is done last; an
    interrupted save is not resumed, and of two runs that save the same version the last one wins.
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
        """Describe the store, at a path or an address that fsspec knows, such as `s3://bucket/cells.zarr`.

        `chunk` cells are in one file, and held in memory at a time; `credentials` are those of an object store.
        """
        if chunk < 1:
            raise DatasetError(f"chunk: a file holds at least 1 cell, not {chunk}.")
        self._fs, path = connect(filepath, credentials)
        self._protocol = filepath.split("://")[0] if is_remote(filepath) else "file"
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=partial(_is_finished, self._fs) if is_remote(filepath) else None,
            glob_function=self._list_versions if is_remote(filepath) else None,
        )
        self._chunk = chunk
        self.metadata = metadata

    def save(self, data: CellStack) -> None:
        """Write the cells, one chunk at a time.

        Locally, chunks of a stack of known origin are kept until `forget_unfinished`, for a save that follows a kill.
        """
        path, files = str(self._get_save_path()), CellFiles(data.side, self._chunk)
        description = describe_store(data, files)
        write = partial(write_store, self._fs, data=data, files=files, description=description)
        if self._protocol != "file":
            _remove_store(self._fs, path)
            try:
                write(path)
            except BaseException as exc:
                with suppress(Exception):  # the first error tells more
                    _remove_store(self._fs, path)
                if isinstance(exc, FileNotFoundError):
                    # Kedro would explain it as a clash of versioned and unversioned files
                    raise DatasetError(f"{spell_address(self._fs, path)} cannot be written: {exc}") from exc
                raise
            return
        with lock_folder(self._workbench()) if data.origin is not None else nullcontext(False) as ours:
            if not ours:
                write(path)
                return
            draft = self._workbench() / hashlib.sha256(description).hexdigest()
            for other in set(self._workbench().glob("*/")) - {draft}:
                shutil.rmtree(other)
            kept = _find_whole(draft, files, files.names(0, len(data)))
            if kept:
                n_files = len(data.ranges(self._chunk))
                logger.info("%s: %d of %d files of cells were written before", self._filepath.name, len(kept), n_files)
            write(str(draft), kept=kept)
            shutil.copytree(draft, path, copy_function=_link_or_copy)

    def _list_versions(self, pattern: str) -> list[str]:  # noqa: ARG002 (has one place only: that of the versions)
        filepath = self._filepath
        return [f"{filepath}/{version}/{filepath.name}" for version in list_names(self._fs, str(filepath))]

    def _workbench(self) -> Path:
        filepath = Path(self._filepath)
        return filepath / _UNFINISHED if self._version else filepath.with_name(f".{filepath.name}{_UNFINISHED}")

    def forget_unfinished(self) -> None:
        """Remove what is kept for a save that may be killed, unless another run is at work on it."""
        if self._protocol == "file" and self._workbench().exists():
            with lock_folder(self._workbench()) as ours:
                if ours:
                    shutil.rmtree(self._workbench())

    def load(self) -> CellStack:
        """Open the store; damage that this doesn't see raises EntryRefused when the stack is read."""
        return open_store(self._fs, str(self._get_load_path()))

    def preview(self) -> ImagePreview:
        """Show some cells from all parts of the stack."""
        cells = self.load()
        return preview_cells(len(cells), cells.cell)

    def _exists(self) -> bool:
        return bool(self._exists_function(str(self._get_load_path())))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "chunk": self._chunk, "version": self._version}


def _is_finished(fs: AbstractFileSystem, path: str) -> bool:
    return METADATA in list_names(fs, path)


def _remove_store(fs: AbstractFileSystem, path: str) -> None:
    names = list_names(fs, path)
    ours = {name for name in names if name in (METADATA, CHECKSUMS) or name.startswith("c.")}
    if any(fs.isdir(f"{path}/{name}") for name in names - ours):
        raise DatasetError(
            f"{spell_address(fs, path)} holds folders, perhaps versions saved while this dataset had "
            "`versioned: true`. Move it away first, or set `versioned: true`."
        )
    # the description first: a removal that is killed leaves an unfinished store
    for name in sorted(ours, key=lambda name: name != METADATA):
        fs.rm_file(f"{path}/{name}")


def _find_whole(draft: Path, files: CellFiles, names: list[str]) -> dict[str, str]:
    # removes damaged files, and does not write to them: a version may link to them
    for name in (METADATA, CHECKSUMS):
        (draft / name).unlink(missing_ok=True)
    whole = {}
    for path in (draft / name for name in names):
        with suppress(FileNotFoundError):
            try:
                content = path.read_bytes()
                files.decode([content], [find_checksum(content)])
                whole[path.name] = find_checksum(content)
            except (ValueError, RuntimeError):
                path.unlink()
    return whole


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
