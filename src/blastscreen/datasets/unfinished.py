"""Where unfinished work is kept, for the next run to go on from: not versioned, written to while a node works."""

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from zipfile import ZipFile

import numpy as np
from kedro.io.core import AbstractDataset, DatasetError

from blastscreen.datasets.atomic import require_local_path
from blastscreen.datasets.whole_files import EntryRefused, digest_path, require_modest, require_whole, staged

if TYPE_CHECKING:
    from blastscreen.models.checkpoints import Checkpoint

_DIGEST_SIZE = hashlib.sha256().digest_size
_DESCRIPTION = "description"
_LENGTHS = "lengths"
_FINISHED = "finished"


class _Unfinished(AbstractDataset[NoReturn, Any]):
    """A local path that an input of a node gives access to: loading returns the dataset itself."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(require_local_path(filepath))
        self.metadata = metadata

    def load(self) -> Self:
        """Return the dataset itself, whether anything is there or not."""
        return self

    def save(self, data: NoReturn) -> None:  # noqa: ARG002
        """Refuse: nodes write while they work."""
        raise DatasetError(f"A {type(self).__name__} is written while a node works: make it an input of the node.")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path}


class PartFolder(_Unfinished):
    """Results in a folder, each in a file by its cache key: a digest, then compressed JSON."""

    def read(self, key: str) -> object | None:
        """Return a result, or None if there is none; a damaged one is none."""
        try:
            content = (self._path / f"{key}.part").read_bytes()
        except OSError:
            return None
        digest, result = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        return json.loads(zlib.decompress(result)) if hashlib.sha256(result).digest() == digest else None

    def write(self, key: str, result: object) -> None:
        """Keep a result that JSON can spell in one step: a kill leaves it whole or not at all."""
        content = zlib.compress(json.dumps(result).encode(), level=1)
        # another run that ends well may empty the folder meanwhile, even when `mkdir` has just found it
        with suppress(FileNotFoundError, FileExistsError):
            self._path.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._path, suffix=".writing")
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(name).replace(self._path / f"{key}.part")

    def forget_unfinished(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self._path, ignore_errors=True)


class TrainingCheckpoint(_Unfinished):
    """The one checkpoint of a model in training, in an npz file: arrays and a description but nothing to execute."""

    def read(self) -> "Checkpoint | None":
        """Return the last checkpoint, or None if there is none; EntryRefused if the file is damaged."""
        from blastscreen.models.checkpoints import Checkpoint

        if not self._path.exists():
            return None
        advice = "Start afresh without cnn.resume=true."
        require_whole(self._path, where=self._path, advice=advice)
        try:
            with ZipFile(self._path) as archive:
                require_modest(archive, size=self._path.stat().st_size)
            with self._path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                description = json.loads(file[_DESCRIPTION].tobytes())
                lengths = description.pop(_LENGTHS)
                lists = {name: [file[f"{name}.{i}"] for i in range(length)] for name, length in lengths.items()}
            finished = [lists.pop(name) for name in list(lists) if name.startswith(_FINISHED)]
            return Checkpoint(**(description | lists), finished=finished)
        except Exception as exc:
            raise EntryRefused(f"{self._path} is no checkpoint ({type(exc).__name__}: {exc}). {advice}") from exc

    def write(self, checkpoint: "Checkpoint") -> None:
        """Replace the checkpoint in one step: a kill leaves the old or the new one, whole."""
        lists = {"network": checkpoint.network, "optimizer": checkpoint.optimizer, "best": checkpoint.best}
        lists |= {f"{_FINISHED}.{number}": weights for number, weights in enumerate(checkpoint.finished)}
        description = {name: getattr(checkpoint, name) for name in ("origin", "history", "epoch", "stopping")}
        description[_LENGTHS] = {name: len(arrays) for name, arrays in lists.items()}
        content = {f"{name}.{i}": array for name, arrays in lists.items() for i, array in enumerate(arrays)}
        content[_DESCRIPTION] = np.frombuffer(json.dumps(description).encode(), np.uint8)
        with staged(self._path, versioned=False) as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, **content)

    def clear(self) -> None:
        """Remove the checkpoint, if there is one."""
        self._path.unlink(missing_ok=True)
        digest_path(self._path).unlink(missing_ok=True)
