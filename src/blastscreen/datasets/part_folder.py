"""What an interrupted run had finished, until a run ends well."""

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError

from blastscreen.datasets.atomic import require_local_path

_DIGEST_SIZE = hashlib.sha256().digest_size


class PartFiles:
    """Results in a folder, each under its cache key: in one file, a digest and then the result as compressed JSON."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it need not exist."""
        self._folder = folder

    def read(self, key: str) -> object | None:
        """Return a result, or None if there is none; a damaged one is none."""
        try:
            content = (self._folder / f"{key}.part").read_bytes()
        except OSError:
            return None
        digest, result = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        return json.loads(zlib.decompress(result)) if hashlib.sha256(result).digest() == digest else None

    def write(self, key: str, result: object) -> None:
        """Keep a result that JSON can spell in one step: a kill leaves it whole or not at all.

        If another run that ends well empties the folder meanwhile, the result is lost like those before it.
        """
        content = zlib.compress(json.dumps(result).encode(), level=1)
        # FileExistsError: the folder vanished when `mkdir` had just found it
        with suppress(FileNotFoundError, FileExistsError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".writing")
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(name).replace(self._folder / f"{key}.part")


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
