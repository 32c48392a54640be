"""Files that appear whole or not at all, each with a digest that reveals damage before anything parses it.

Kedro writes straight to the final name, and takes any file that has it for a whole version. Here a file or folder is
written to a hidden staging folder and moved in one step, after it has reached the disk. A lock, which the system drops
with the process that held it, separates what a kill left behind from what is being written. Needs POSIX.

The digest, `<name>.sha256`, is what the command `sha256sum <name>` writes: it can be checked and renewed without us.
"""

import errno
import fcntl
import hashlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from glob import escape, glob
from pathlib import Path, PurePath
from typing import TypeVar
from zipfile import ZipFile

from kedro.io.core import DatasetError

from blastscreen.vocabulary import Refusal

PathLike = TypeVar("PathLike", bound=PurePath)

_SUFFIX = ".sha256"
_REMEMBERED = 3
_LOCK_NAME = "lock"
_SAVING = ".saving"
_ATTEMPTS = 100
# Of the archives saved here, forests pack best: to a fifth, their description to a twentieth.
_LARGEST_RATIO = 100


class EntryRefused(Refusal, DatasetError):
    """A stored entry is damaged, or is not what belongs there."""


def digest_path(path: PathLike) -> PathLike:
    """Return the path of the digest of a file."""
    return path.with_name(path.name + _SUFFIX)


def refuse(where: object, reason: str) -> EntryRefused:
    """Return the error for an entry that can't be used, with how to mend it."""
    return EntryRefused(f"{where} {reason}. {advise(where)}")


def advise(where: object) -> str:
    """Say how to mend a damaged entry; its file has the name of the entry."""
    path = PurePath(str(where))
    entry = path.name.split(".")[0]
    if entry == "run_manifest":
        return f"Nothing makes it again: remove {path.parent}."
    return (
        f"Make it again: kedro run --to-outputs={entry} (in the same --env). Or load another version: "
        f"--load-versions={entry}:<version>."
    )


def write_digest(path: Path, *, previous: bytes = b"") -> None:
    """Write the digest of a file beside it, above those of files that it replaces: a kill may leave the old file."""
    lines = [_describe(path), *previous.splitlines()][:_REMEMBERED]
    digest_path(path).write_bytes(b"".join(line + b"\n" for line in lines))


def require_whole(path: Path, *, where: object, advice: str | None = None) -> None:
    """Refuse a file that does not match the digest beside it, or has none; `where` is the file as the user knows it."""
    found = _describe(path)
    advice = f"{advice or advise(where)} {_adopt(where)}".rstrip()
    try:
        known = digest_path(path).read_bytes().splitlines()
    except FileNotFoundError:
        raise EntryRefused(
            f"{where} has no digest beside it ({path.name}{_SUFFIX}): another program or an older version saved it, or "
            f"the digest was lost. {advice}"
        ) from None
    if found not in known:
        raise EntryRefused(
            f"{where} is not what was saved: it does not match its digest ({path.name}{_SUFFIX}). It is damaged, or "
            f"was changed by hand. {advice}"
        )


def require_modest(archive: ZipFile, *, size: int) -> None:
    """Raise ValueError if an archive of `size` bytes would unpack to more than a hundred times that."""
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _LARGEST_RATIO * size:
        raise ValueError(f"{size} bytes would unpack to {unpacked}")


def _describe(path: Path) -> bytes:
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}".encode()


def _adopt(where: object) -> str:
    if "://" in str(where):
        return ""
    path = PurePath(str(where))
    folder, name = shlex.quote(str(path.parent)), shlex.quote(path.name)
    return f"If you trust it as it is: (cd {folder} && sha256sum {name} > {name}{_SUFFIX})"


@contextmanager
def lock_folder(folder: Path) -> Iterator[bool]:
    """Make a folder and lock it; yields False if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_NAME).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def staged(final: Path, *, versioned: bool) -> Iterator[Path]:
    """Yield a hidden path to write a file or folder to; it takes its final name when the block ends well.

    What killed saves of the same dataset left behind is removed first. What fails leaves nothing behind.

    Args:
        final: `<filepath>` or `<filepath>/<version>/<name>`.
        versioned: Whether it is the latter. A version is never replaced: it appears in one step, when the folder that
            holds file and digest is renamed. Unversioned, a file is replaced in one step, after its digest; a folder in
            two, with an instant between them in which neither the old nor the new has the name.

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
            known = digest_path(final)
            write_digest(hidden, previous=known.read_bytes() if known.is_file() else b"")
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


def _open_staging(target: Path) -> tuple[Path, int]:
    # locked for as long as the descriptor stays open
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
    # glob, unlike Path.glob, passes over folders that another run removes meanwhile
    for staging in map(Path, glob(f"{escape(str(folder))}/.{names}.*{_SAVING}")):  # noqa: PTH207
        # another run may be removing the folder, or it belongs to another user
        with suppress(OSError), lock_folder(staging) as ours:
            if ours:
                shutil.rmtree(staging)


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
    """Wait until files, or the names in folders, are on the disk."""
    with ThreadPoolExecutor(8) as pool:  # many at once reach it sooner than one by one
        list(pool.map(_sync_one, paths))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
