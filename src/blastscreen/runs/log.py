"""The whole log of a run, in a file of its own."""

import logging
import os
from contextlib import suppress
from logging.handlers import MemoryHandler
from pathlib import PurePath
from typing import Any, TextIO

from kedro.io import DataCatalog

from blastscreen.redaction import redact_text


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


class _LogFile(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Stay silent: on a full disk, the error that stopped the run is what users need to see."""


class RunLog:
    """Write what is logged during a run to `run_log/<version>/run.log`, beside the folder of manifests.

    Lines lose what names a machine, a person or a secret, as manifests do.

    Attributes:
        path: The log of the run that began last; None before, and where the manifest isn't versioned.
    """

    def __init__(self) -> None:
        self.path: PurePath | None = None
        self._file: _LogFile | None = None
        self._early: MemoryHandler | None = None

    def remember(self) -> None:
        """Keep what is logged until there is a file for it; from then on, take what libraries write to descriptor 2."""
        self.path = None
        self._early = MemoryHandler(10_000, flushLevel=logging.CRITICAL + 1)
        logging.getLogger().addHandler(self._early)

    def open(self, catalog: DataCatalog, run_id: str) -> None:
        """Begin the log of a run."""
        self.close()
        self.path = None
        manifest: Any = catalog["run_manifest"]
        if getattr(manifest, "_version", None) is None:
            return
        self.path = manifest._filepath.parent / "run_log" / run_id / "run.log"
        stream = manifest._fs.open(str(self.path), "w", encoding="utf-8")
        self._file = _LogFile(stream)
        self._file.setFormatter(_Redacted("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self._file)
        if self._early is not None:
            self._early.setTarget(self._file)
            logging.getLogger().removeHandler(self._early)
            self._early.close()
            self._early = None
            # a file in an object store has no descriptor
            with suppress(OSError):
                os.dup2(stream.fileno(), 2)

    def close(self, error: Exception | None = None) -> None:
        """End the log of a run, however the run ended; an error is written down with its traceback."""
        if self._file is not None:
            if error:
                details = (type(error), error, error.__traceback__)
                self._file.handle(logging.LogRecord(__name__, logging.ERROR, "", 0, "The run failed.", None, details))
            logging.getLogger().removeHandler(self._file)
            with suppress(OSError):
                self._file.stream.close()
            self._file = None
