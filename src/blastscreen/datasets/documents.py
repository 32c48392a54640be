"""JSON and text files."""

from typing import Any, ClassVar

from kedro_datasets.json import JSONDataset
from kedro_datasets.text import TextDataset

from blastscreen.datasets.atomic import AtomicSave


class AtomicJSON(AtomicSave, JSONDataset):  # type: ignore[misc]
    """Mappings and lists in a JSON file."""


class AtomicText(AtomicSave, TextDataset):  # type: ignore[misc]
    """Text, such as an HTML page, in a UTF-8 file whatever the locale."""

    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = {
        "open_args_save": {"mode": "w", "encoding": "utf-8"},
        "open_args_load": {"mode": "r", "encoding": "utf-8"},
    }
