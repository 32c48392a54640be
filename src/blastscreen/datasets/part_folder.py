"""What an interrupted run had finished, until a run ends well."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
from kedro.io.core import AbstractDataset, DatasetError

from blastscreen.datasets.atomic import require_local_path


class PartFiles:
    """Tables in a folder, each under the key of what it follows from."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it need not exist."""
        self._folder = folder

    def read(self, key: str) -> pd.DataFrame | None:
        """Give a part, or None if there is none; a damaged one is none."""
        try:
            return pd.read_parquet(self._folder / f"{key}.parquet")
        except (OSError, pa.ArrowInvalid):
            return None

    def write(self, key: str, part: pd.DataFrame) -> None:
        """Keep a part in one step: a kill leaves it whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".writing")
        os.close(descriptor)
        part.to_parquet(name)
        Path(name).replace(self._folder / f"{key}.parquet")


class PartFolder(AbstractDataset[NoReturn, PartFiles]):
    """The place of finished parts: loading gives `PartFiles`, which a node writes to and reads from.

    Not versioned: a run goes on from what another run left. A run that ends well empties it.

    Examples:
        In a catalog::

            cell_index_parts:
              type: blastscreen.datasets.PartFolder
              filepath: data/02_intermediate/cell_index_parts
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the folder; nothing is read yet.

        Args:
            filepath: Folder, local; it need not exist.
            metadata: For other tools; ignored here.

        Raises:
            DatasetError: If the path is not local.
        """
        self._filepath = require_local_path(filepath, None)
        self.metadata = metadata

    def load(self) -> PartFiles:
        """Give access to the parts, whether there are any or not."""
        return PartFiles(Path(self._filepath))

    def save(self, data: NoReturn) -> None:  # noqa: ARG002
        """Refuse: parts are written while a node works, through what `load` gives.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError("Parts are written while a node works: make them an input of the node.")

    def forget_unfinished(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self._filepath, ignore_errors=True)

    def _exists(self) -> bool:
        return Path(self._filepath).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
