"""The digest beside every stored file, which tells a whole file from a damaged one before anything parses it.

`<name>.sha256` is what the command `sha256sum <name>` writes, so that it can be checked, and renewed, without us.
"""

import hashlib
import shlex
from pathlib import Path, PurePath
from typing import TypeVar

from kedro.io.core import DatasetError

from blastscreen.vocabulary import Refusal

PathLike = TypeVar("PathLike", bound=PurePath)

SUFFIX = ".sha256"
_REMEMBERED = 3


class EntryRefused(Refusal, DatasetError):
    """A stored entry is damaged, or is not what belongs there."""


def digest_path(path: PathLike) -> PathLike:
    """Name the file that holds the digest of a file."""
    return path.with_name(path.name + SUFFIX)


def advise(where: object) -> str:
    """Say how to mend a damaged entry; its file has the name of the entry."""
    entry = PurePath(str(where)).name.split(".")[0]
    if entry == "run_manifest":
        return f"Nothing makes it again: remove {PurePath(str(where)).parent}."
    return (
        f"Make it again: kedro run --to-outputs={entry} (in the same --env). Or load another version: "
        f"--load-versions={entry}:<version>."
    )


def write_digest(path: Path, *, previous: bytes = b"") -> None:
    """Write the digest of a file beside it.

    Args:
        path: The file.
        previous: The digest of a file that this one is about to replace: its last lines are kept, because for an
            instant, or after a kill in it, the new digest stands beside the old file.
    """
    lines = [_describe(path), *previous.splitlines()][:_REMEMBERED]
    digest_path(path).write_bytes(b"".join(line + b"\n" for line in lines))


def require_whole(path: Path, *, where: object, advice: str | None = None) -> None:
    """Refuse a file that is not what was saved.

    Args:
        path: The file; its digest lies beside it.
        where: The file as the user knows it.
        advice: What to do if it is damaged, unless it is an entry that a pipeline makes.

    Raises:
        EntryRefused: The file does not fit its digest, or has none.
    """
    found = _describe(path)
    advice = f"{advice or advise(where)} {_adopt(where)}".rstrip()
    try:
        known = digest_path(path).read_bytes().splitlines()
    except FileNotFoundError:
        raise EntryRefused(
            f"{where} has no digest beside it ({path.name}{SUFFIX}): another program or an older version saved it, or "
            f"the digest was lost. {advice}"
        ) from None
    if found not in known:
        raise EntryRefused(
            f"{where} is not what was saved: it does not fit its digest ({path.name}{SUFFIX}). It is damaged, or was "
            f"changed by hand. {advice}"
        )


def _describe(path: Path) -> bytes:
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}".encode()


def _adopt(where: object) -> str:
    if "://" in str(where):
        return ""
    path = PurePath(str(where))
    folder, name = shlex.quote(str(path.parent)), shlex.quote(path.name)
    return f"If you trust it as it is: (cd {folder} && sha256sum {name} > {name}{SUFFIX})"
