"""Saves that a kill, a full disk or a second run cannot spoil.

Kedro writes straight to the final name, and takes any file that has it for a whole version. Here a save goes to a
hidden staging folder beside the final name and is moved there in one step, after it has reached the disk. A lock on
the staging folder, which the system drops with the process that held it, tells what a kill left behind from what
another run is still writing. Needs a POSIX system (Linux, macOS, WSL).
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from functools import wraps
from glob import escape, glob
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fsspec.implementations.local import LocalFileSystem
from kedro.io.core import DatasetError, Version, get_protocol_and_path

from blastscreen.datasets.digests import digest_path, require_whole, write_digest
from blastscreen.datasets.versions import require_not_from_future, warn_of_newer

if TYPE_CHECKING:
    from kedro.io.core import AbstractVersionedDataset

    _VersionedDataset = AbstractVersionedDataset[Any, Any]
else:
    # Kedro copies the `__init__` of every dataset class into its subclasses: a mixin must not have one to give.
    _VersionedDataset = object

_LOCK_NAME = "lock"
_SAVING = ".saving"
_ATTEMPTS = 100


class AtomicSave(_VersionedDataset):
    """Mixin that makes the saves of a versioned Kedro dataset atomic, checks its loads, and loads what this run saved.

    Stands before the dataset: `class AtomicJSON(AtomicSave, JSONDataset)`. Whatever way the dataset has of saving to
    `_get_save_path()` and of loading from `_get_load_path()` is kept. A save that fails or is killed leaves no version;
    the next save of the same dataset removes its remains. Beside every file lies its digest, and a file that does not
    fit it is refused before it is parsed. In an object store (`s3://` and the like), which takes whole objects, the
    digest is written before the file; both pass through a local temporary folder.

    Once an object has saved, it loads the version that it saved, though another run may have saved a newer one since,
    unless a load version was asked for. A newest version that is dated in the future is refused unless it is asked for.
    """

    _fs: Any
    _protocol: str
    _local_path: PurePosixPath | None = None
    _saved_version: str | None = None
    _is_one_file = True
    """A dataset that stores folders checks what is in them itself."""

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

    @classmethod
    def _load_wrapper(cls, load_func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @wraps(load_func)
        def load(self: "AtomicSave") -> Any:
            return self._load_checked(load_func)

        wrapped: Callable[[Any], Any] = super()._load_wrapper(load)
        return wrapped

    def _save_atomically(self, save_func: Callable[[Any, Any], None], data: Any) -> None:
        if self._local_path is not None:  # a subclass of a class that saves atomically is wrapped twice
            save_func(self, data)
            return
        if self._is_local():
            with staged(Path(self._get_save_path()), versioned=self._version is not None) as path:
                try:
                    save_func(self._moved_to(path), data)
                except (FileNotFoundError, NotADirectoryError) as exc:
                    # Kedro would explain either as a clash of versioned and unversioned files
                    raise DatasetError(f"Failed while saving data to dataset {self}.\n{exc}") from exc
        elif self._is_one_file:
            self._upload(save_func, data)
        else:
            save_func(self, data)
        self._saved_version = self.resolve_save_version()
        if self._saved_version is not None:
            stored = map(self._get_version_from_path, self._glob_function(str(self._get_versioned_path("*"))))
            warn_of_newer(self._saved_version, max(stored, default=""))

    def _load_checked(self, load_func: Callable[[Any], Any]) -> Any:
        if self._local_path is not None or not self._is_one_file:
            return load_func(self)
        stored = self._get_load_path()
        if self._is_local():
            if Path(stored).is_file():
                require_whole(Path(stored), where=stored)
            return load_func(self)
        with TemporaryDirectory() as folder:
            path = Path(folder) / stored.name
            self._fs.get_file(str(stored), str(path))
            with suppress(FileNotFoundError):
                self._fs.get_file(str(digest_path(stored)), str(digest_path(path)))
            require_whole(path, where=self._fs.unstrip_protocol(str(stored)))
            return load_func(self._moved_to(path))

    def _upload(self, save_func: Callable[[Any, Any], None], data: Any) -> None:
        final = self._get_save_path()
        with TemporaryDirectory() as folder:
            path = Path(folder) / final.name
            save_func(self._moved_to(path), data)
            if path.is_dir():
                self._fs.put(str(path), str(final), recursive=True)
                return
            previous = b""
            with suppress(FileNotFoundError):
                previous = self._fs.cat_file(str(digest_path(final)))
            write_digest(path, previous=previous)
            self._fs.put_file(str(digest_path(path)), str(digest_path(final)))
            self._fs.put_file(str(path), str(final))

    def _is_local(self) -> bool:
        return getattr(self, "_protocol", "file") == "file"

    def _moved_to(self, path: Path) -> "AtomicSave":
        """Copy the dataset: the copy saves to a local path and loads from it."""
        moved = copy(self)
        moved._local_path = PurePosixPath(path)
        if not self._is_local():
            moved._protocol, moved._fs = "file", LocalFileSystem(auto_mkdir=True)
        return moved

    def _get_save_path(self) -> PurePosixPath:
        return self._local_path or super()._get_save_path()

    def _get_load_path(self) -> PurePosixPath:
        return self._local_path or super()._get_load_path()

    def _fetch_latest_load_version(self) -> str:
        if self._saved_version is not None:
            return self._saved_version
        newest = super()._fetch_latest_load_version()
        require_not_from_future(newest, self._filepath)
        return newest


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

    A version appears in one step, with the digest of its file: the folder that holds both is renamed. What killed saves
    of the same dataset left behind is removed first. What fails leaves nothing behind.

    Args:
        final: Where the file or folder is to appear, `<filepath>` or `<filepath>/<version>/<name>`.
        versioned: Whether it is the latter. A version is never replaced. Unversioned, a file is replaced in one step,
            after its digest has been put beside that of the old one; a folder takes two steps, with an instant between
            them in which neither the old nor the new has the name.

    Raises:
        DatasetError: If the block wrote nothing, or another run saved this version meanwhile.
    """
    target = final.parent if versioned else final
    _sweep(target.parent, "*" if versioned else escape(target.name))
    staging, lock = _open_staging(target)
    try:
        hidden = staging / final.relative_to(target.parent)
        hidden.parent.mkdir(exist_ok=True)
        yield hidden
        if not hidden.exists():
            raise DatasetError(f"Nothing was saved to {final}: the data is empty.")
        if hidden.is_file():
            write_digest(hidden, previous=_read_if_there(digest_path(final)))
        wait_for_disk(*staging.rglob("*"))
        if versioned:
            _publish_version(hidden.parent, target)
        else:
            _publish(hidden, final)
        wait_for_disk(*final.parents[: 3 if versioned else 1])
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(lock)
        if versioned:
            with suppress(OSError):
                target.parent.rmdir()


def _read_if_there(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""


def _open_staging(target: Path) -> tuple[Path, int]:
    """Make a staging folder of our own beside the target, and lock it for as long as the descriptor stays open."""
    for _ in range(_ATTEMPTS):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=_SAVING))
            lock = os.open(staging / _LOCK_NAME, os.O_CREAT | os.O_RDWR)
        except (FileNotFoundError, FileExistsError):
            if target.parent.is_file():
                raise NotADirectoryError(str(target.parent)) from None
            continue  # another run removed the folder while it was empty, or not yet locked
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (staging / _LOCK_NAME).exists():
            return staging, lock
        os.close(lock)
    raise DatasetError(f"The folder that {target} was to be saved in could not be made, or vanished again and again.")


def _sweep(folder: Path, names: str) -> None:
    """Remove what killed saves to such names, a pattern, left in a folder."""
    # glob, unlike Path.glob, passes over folders that another run removes meanwhile
    for staging in glob(f"{escape(str(folder))}/.{names}.*{_SAVING}"):  # noqa: PTH207
        _remove_abandoned(Path(staging))


def _remove_abandoned(staging: Path) -> None:
    # another run may hold the lock, be removing the folder, or belong to another user
    with suppress(OSError):
        lock = os.open(staging / _LOCK_NAME, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(staging)
        finally:
            os.close(lock)


def _publish_version(hidden: Path, target: Path) -> None:
    try:
        hidden.rename(target)
    except OSError as exc:
        if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise DatasetError(f"Another run saved {target} meanwhile. A version is never replaced: run again.") from exc


def _publish(hidden: Path, final: Path) -> None:
    if final.is_dir() and (hidden.is_file() or any(entry.is_dir() for entry in final.iterdir())):
        raise DatasetError(
            f"{final} is a directory, perhaps of versions saved while this dataset had `versioned: true`. "
            "Move it away first, or set `versioned: true`."
        )
    if final.is_dir():
        final.replace(hidden.with_name("replaced"))
    if hidden.is_file():
        digest_path(hidden).replace(digest_path(final))
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
