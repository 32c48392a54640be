"""Saves that a kill, a full disk or a second run cannot spoil.

Kedro writes straight to the final name, and takes any file that has it for a whole version. Here a save goes to a
hidden staging folder beside the final name and is moved there in one step, after it has reached the disk. A lock on
the staging folder, which the system drops with the process that held it, tells what a kill left behind from what
another run is still writing. Needs a POSIX system (Linux, macOS, WSL).
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import wraps
from glob import escape, glob
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro.io.core import DatasetError, Version, get_protocol_and_path

if TYPE_CHECKING:
    from kedro.io.core import AbstractVersionedDataset

    _VersionedDataset = AbstractVersionedDataset[Any, Any]
else:
    # Kedro copies the `__init__` of every dataset class into its subclasses: a mixin must not have one to give.
    _VersionedDataset = object

_LOCK_NAME = "lock"
_ATTEMPTS = 100


class AtomicSave(_VersionedDataset):
    """Mixin that makes the saves of a versioned Kedro dataset atomic, and loads what this run saved.

    Stands before the dataset: `class AtomicJSON(AtomicSave, JSONDataset)`. Whatever way the dataset has of saving to
    `_get_save_path()` is kept. A save that fails or is killed leaves no version; the next save of the same dataset
    removes its remains. Once an object has saved, it loads the version that it saved, though another run may have
    saved a newer one since, unless a load version was asked for. On other than local files (`s3://` and the like) only
    that last part applies: object stores take whole objects.
    """

    _staged_path: PurePosixPath | None = None
    _saved_version: str | None = None

    @classmethod
    def _save_wrapper(cls, save_func: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        if "save" not in vars(cls):
            # inherited, so Kedro has wrapped it already: its checks of versions are to see the finished save only
            save_func = getattr(save_func, "__wrapped__", save_func)

        @wraps(save_func)
        def save(self: "AtomicSave", data: Any) -> None:
            self._save_atomically(save_func, data)

        wrapped: Callable[[Any, Any], None] = super()._save_wrapper(save)
        return wrapped

    def _save_atomically(self, save_func: Callable[[Any, Any], None], data: Any) -> None:
        # already staged: a subclass of a class that saves atomically is wrapped twice
        if self._staged_path is not None or getattr(self, "_protocol", "file") != "file":
            save_func(self, data)
        else:
            with staged(Path(self._get_save_path()), versioned=self._version is not None) as path:
                self._staged_path = PurePosixPath(path)
                try:
                    save_func(self, data)
                except (FileNotFoundError, NotADirectoryError) as exc:
                    # Kedro would explain either as a clash of versioned and unversioned files
                    raise DatasetError(f"Failed while saving data to dataset {self}.\n{exc}") from exc
                finally:
                    self._staged_path = None
        self._saved_version = self.resolve_save_version()

    def _get_save_path(self) -> PurePosixPath:
        return self._staged_path or super()._get_save_path()

    def _fetch_latest_load_version(self) -> str:
        return self._saved_version or super()._fetch_latest_load_version()


def require_local_path(filepath: str | os.PathLike[str], version: Version | None) -> PurePosixPath:
    """Give the path of a dataset that is kept in local files.

    Raises:
        DatasetError: If the path names another storage.
    """
    protocol, path = get_protocol_and_path(filepath, version)
    if protocol != "file":
        raise DatasetError(f"This dataset is kept in local files, not under {protocol}://. Give a local path.")
    return PurePosixPath(path)


@contextmanager
def lock_folder(folder: Path) -> Iterator[bool]:
    """Make a folder and lock it; tell whether that could be done, or another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / _LOCK_NAME, os.O_CREAT | os.O_RDWR)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


@contextmanager
def staged(final: Path, *, versioned: bool) -> Iterator[Path]:
    """Give a hidden path to write a file or folder to; it takes its final name when the block ends well.

    What killed saves of the same dataset left behind is removed first. What fails leaves nothing behind.

    Args:
        final: Where the file or folder is to appear, `<filepath>` or `<filepath>/<version>/<name>`.
        versioned: Whether it is the latter. A version is never replaced. Unversioned, a file is replaced in one step;
            a folder takes two, with an instant between them in which neither the old nor the new has the name.

    Raises:
        DatasetError: If the block wrote nothing, or another run saved this version meanwhile.
    """
    filepath = final.parents[1] if versioned else final
    _sweep(filepath, versioned=versioned)
    staging, lock = _open_staging(final)
    try:
        hidden = staging / final.name
        yield hidden
        if not hidden.exists():
            raise DatasetError(f"Nothing was saved to {final}: the data is empty.")
        wait_for_disk(hidden, *hidden.rglob("*"))
        _publish(hidden, final, versioned=versioned)
        wait_for_disk(*final.parents[: 3 if versioned else 1])
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(lock)
        if versioned:
            _remove_if_empty(final.parent, filepath)


def _open_staging(final: Path) -> tuple[Path, int]:
    """Make a staging folder of our own, and lock it for as long as the descriptor stays open."""
    for _ in range(_ATTEMPTS):
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".saving"))
            lock = os.open(staging / _LOCK_NAME, os.O_CREAT | os.O_RDWR)
        except (FileNotFoundError, FileExistsError):
            continue  # another run removed the folder while it was empty, or not yet locked
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (staging / _LOCK_NAME).exists():
            return staging, lock
        os.close(lock)
    raise DatasetError(f"The folder that {final} was to be saved in could not be made, or vanished again and again.")


def _sweep(filepath: Path, *, versioned: bool) -> None:
    """Remove what saves that were killed left behind."""
    # glob, unlike Path.glob, passes over folders that another run removes meanwhile
    folders = glob(f"{escape(str(filepath))}/*") if versioned else [str(filepath.parent)]  # noqa: PTH207
    for folder in folders:
        for staging in glob(f"{escape(folder)}/.{escape(filepath.name)}.*.saving"):  # noqa: PTH207
            _remove_abandoned(Path(staging))
        if versioned:
            _remove_if_empty(Path(folder))


def _remove_abandoned(staging: Path) -> None:
    # another run may hold the lock, be removing the folder, or belong to another user
    with suppress(OSError):
        lock = os.open(staging / _LOCK_NAME, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(staging)
        finally:
            os.close(lock)


def _remove_if_empty(*folders: Path) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _publish(hidden: Path, final: Path, *, versioned: bool) -> None:
    if versioned and final.exists():
        raise DatasetError(f"Another run saved {final} meanwhile. A version is never replaced: run again.")
    if hidden.is_dir() and final.is_dir():
        if any(entry.is_dir() for entry in final.iterdir()):
            raise DatasetError(
                f"{final} holds folders, perhaps versions saved while this dataset had `versioned: true`. "
                "Move it away first, or set `versioned: true`."
            )
        final.replace(hidden.with_name("replaced"))
    hidden.replace(final)


def wait_for_disk(*paths: Path) -> None:
    """Wait until files, or the names in folders, are on the disk; it writes many at once sooner than one by one."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(_sync_one, paths):
            pass  # or raises what went wrong


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
