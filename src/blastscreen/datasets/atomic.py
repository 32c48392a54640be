"""Saves that a kill, a full disk or a second run cannot spoil, and loads of what was saved.

Kedro takes the version of the latest name for the newest. A run under a clock that is ahead would stay "newest" until
the right time has caught up with it, so that versions dated in the future have to be asked for.
"""

import logging
import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cache, wraps
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fsspec.implementations.local import LocalFileSystem
from kedro.io.core import VERSION_FORMAT, AbstractVersionedDataset, DatasetError, Version, get_protocol_and_path

from blastscreen.datasets.whole_files import digest_path, require_whole, staged, write_digest
from blastscreen.vocabulary import Refusal

if TYPE_CHECKING:
    _VersionedDataset = AbstractVersionedDataset[Any, Any]
else:
    # Kedro copies the `__init__` of every dataset class into its subclasses: a mixin must not have one to give.
    _VersionedDataset = object

# As much as clocks of machines that share a store may differ; Kerberos allows the same.
TOLERANCE = timedelta(minutes=5)

logger = logging.getLogger(__name__)


class FutureVersion(Refusal):
    """The newest version of an entry is dated in the future."""


class AtomicSave(_VersionedDataset):
    """Mixin that makes the saves of a versioned Kedro dataset atomic, checks its loads, and loads what this run saved.

    Stands before a dataset that saves to `_get_save_path()` and loads from `_get_load_path()`, as in
    `class AtomicJSON(AtomicSave, JSONDataset)`. A save that fails or is killed leaves no version; the next save of the
    same dataset removes its remains. A file that does not match the digest beside it is refused before it is parsed.
    Object stores (`s3://` and the like) take whole objects: the digest is uploaded first, from a temporary folder.

    Once an object has saved, it loads that version, though another run may have saved a newer one since, unless a load
    version was asked for. A newest version that is dated in the future is refused unless it is asked for.
    """

    _fs: Any
    _protocol: str = "file"
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
            if self._local_path is not None:  # a subclass of a class that saves atomically is wrapped twice
                save_func(self, data)
                return
            if self._protocol == "file":
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
                _warn_of_newer(self._saved_version, max(stored, default=""))

        return super()._save_wrapper(save)

    def _upload(self, save_func: Callable[[Any, Any], None], data: Any) -> None:
        final = self._get_save_path()
        with TemporaryDirectory() as folder:
            path = Path(folder) / final.name
            save_func(self._moved_to(path), data)
            known = str(digest_path(final))
            write_digest(path, previous=self._fs.cat_file(known) if self._fs.exists(known) else b"")
            self._fs.put_file(str(digest_path(path)), known)
            self._fs.put_file(str(path), str(final))

    @classmethod
    def _load_wrapper(cls, load_func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @wraps(load_func)
        def load(self: "AtomicSave") -> Any:
            if self._local_path is not None or not self._is_one_file:
                return load_func(self)
            stored = self._get_load_path()
            if self._protocol == "file":
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

        return super()._load_wrapper(load)

    def _moved_to(self, path: Path) -> "AtomicSave":
        moved = copy(self)
        moved._local_path = PurePosixPath(path)
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
        _require_not_from_future(newest, self._filepath)
        return newest


class LocalFile(AtomicSave, AbstractVersionedDataset[Any, Any]):
    """A dataset of one local file; its subclasses say how it is saved and loaded."""

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=require_local_path(filepath, version), version=version)
        self.metadata = metadata

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


def require_local_path(filepath: str | os.PathLike[str], version: Version | None = None) -> PurePosixPath:
    """Return the path of a dataset that is kept in local files; DatasetError if it names other storage."""
    protocol, path = get_protocol_and_path(filepath, version)
    if protocol != "file":
        raise DatasetError(f"This dataset is kept in local files, not under {protocol}://. Give a local path.")
    return PurePosixPath(path)


def _require_not_from_future(version: str, filepath: PurePath) -> None:
    now = datetime.now(UTC)
    try:
        dated = datetime.strptime(version, VERSION_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return  # a name that is no time is not judged
    if dated > now + TOLERANCE:
        entry = filepath.name.split(".")[0]
        raise FutureVersion(
            f"The newest version of {filepath.name} is of {version}, which is in the future: now is "
            f"{now:%Y-%m-%d %H:%M} UTC. A clock is wrong, or was. Set it right; or name the version to use, as in "
            f"--load-versions={entry}:{version}; or remove this one: rm -r {shlex.quote(str(filepath / version))}"
        )


@cache  # once, though a run saves dozens of entries
def _warn_of_newer(saved: str, newest: str) -> None:
    if newest > saved:
        logger.warning(
            "This run saves version %s, but %s is there already and stays the newest: another run started later, or "
            "the clock was set back. Later runs read the newest unless --load-versions names another.",
            saved,
            newest,
        )
