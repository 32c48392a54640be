"""The checkpoint of a training that may be interrupted."""

import json
from pathlib import Path
from typing import Any, NoReturn
from zipfile import ZipFile

import numpy as np
from kedro.io.core import AbstractDataset, DatasetError

from blastscreen.datasets.archives import require_modest
from blastscreen.datasets.atomic import require_local_path, staged
from blastscreen.datasets.digests import EntryRefused, digest_path, require_whole
from blastscreen.models.checkpoints import Checkpoint

_DESCRIPTION, _LENGTHS, _FINISHED = "description", "lengths", "finished"


class CheckpointFile:
    """One checkpoint in an npz file, which holds arrays and a description but nothing to execute."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Checkpoint | None:
        """Read the last checkpoint; None if there is none. A damaged file is refused."""
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

    def write(self, checkpoint: Checkpoint) -> None:
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


class TrainingCheckpoint(AbstractDataset[NoReturn, CheckpointFile]):
    """The place of a model's one checkpoint: loading gives a `CheckpointFile`, which training writes to and reads from.

    Not versioned: a run goes on from what another run left.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = require_local_path(filepath, None)
        self.metadata = metadata

    def load(self) -> CheckpointFile:
        """Open the place of the checkpoint, whether there is one or not."""
        return CheckpointFile(Path(self._filepath))

    def save(self, data: NoReturn) -> None:  # noqa: ARG002
        """Refuse: checkpoints are written in training, through what `load` gives."""
        raise DatasetError("A checkpoint is written while a network is trained: make it an input of the node.")

    def _exists(self) -> bool:
        return Path(self._filepath).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
