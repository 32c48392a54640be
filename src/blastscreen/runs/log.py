"""The whole log of a run, in a file of its own."""

import logging
import os
from contextlib import suppress
from logging.handlers import MemoryHandler
from pathlib import PurePath
from typing import Any, TextIO

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from blastscreen.redaction import redact_text

LOG_NAME = "run.log"
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Take out names and secrets."""
        return redact_text(super().format(record))


class _LogFile(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # named by logging
        """Say nothing: on a full disk, what stopped the run is to be read, not that the log could not grow."""


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

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Open the file."""
        self.close()
        self.path = None
        manifest: Any = catalog["run_manifest"]
        if getattr(manifest, "_version", None) is None:
            return
        path = manifest._filepath.parent / "run_log" / run_params["run_id"] / LOG_NAME
        stream = manifest._fs.open(str(path), "w", encoding="utf-8")
        self.path = path
        self._file = _LogFile(stream)
        self._file.setFormatter(_Redacted(_FORMAT))
        logging.getLogger().addHandler(self._file)
        if self._early is not None:
            self._early.setTarget(self._file)
            logging.getLogger().removeHandler(self._early)
            self._early.close()
            self._early = None
            # a file in an object store has no descriptor
            with suppress(OSError):
                os.dup2(stream.fileno(), 2)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close the file."""
        self.close()

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Write down where the run failed, and close the file."""
        if self._file is not None:
            record = logging.LogRecord(__name__, logging.ERROR, "", 0, "The run failed.", None, _details(error))
            self._file.handle(record)
        self.close()

    def close(self) -> None:
        """End the log of a run, however the run ended."""
        if self._file is not None:
            logging.getLogger().removeHandler(self._file)
            with suppress(OSError):
                self._file.stream.close()
            self._file = None


def _details(error: Exception) -> tuple[type[Exception], Exception, Any]:
    return type(error), error, error.__traceback__
