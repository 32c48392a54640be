"""JSON and text files."""

from typing import Any, ClassVar

from kedro_datasets._typing import HTMLPreview, JSONPreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.text import TextDataset

from blastscreen.datasets.atomic import AtomicSave
from blastscreen.datasets.previews import preview_json, preview_text


class Document(dict[str, Any]):
    """A mapping that knows which version it was loaded from."""

    version: str | None = None


class AtomicJSON(AtomicSave, JSONDataset):  # type: ignore[misc]
    """Mappings and lists in a JSON file; a loaded mapping is a `Document`."""

    def load(self) -> Any:
        """Load the file, and note in a mapping which version it is of."""
        content = super().load()  # type: ignore[safe-super]
        if not isinstance(content, dict):
            return content
        document = Document(content)
        document.version = self.resolve_load_version()
        return document

    def preview(self) -> JSONPreview:
        """Show what there is room for."""
        return preview_json(self.load())


class AtomicText(AtomicSave, TextDataset):  # type: ignore[misc]
    """Text, such as an HTML page, in a UTF-8 file whatever the locale."""

    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = {
        "open_args_save": {"mode": "w", "encoding": "utf-8"},
        "open_args_load": {"mode": "r", "encoding": "utf-8"},
    }

    def preview(self) -> HTMLPreview:
        """Show the beginning."""
        return preview_text(self.load())
