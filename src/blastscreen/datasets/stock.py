"""Stock datasets of kedro-datasets with atomic saves, digests and small previews."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from kedro.io.core import AbstractDataset, DatasetError, Version
from kedro_datasets._typing import HTMLPreview, ImagePreview, JSONPreview, PlotlyPreview, TablePreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset

from blastscreen.datasets.atomic import AtomicSave
from blastscreen.datasets.viz import preview_chart, preview_json, preview_picture, preview_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure


class AtomicParquet(AtomicSave, ParquetDataset):  # type: ignore[misc]
    """A pandas table in a Parquet file; once loaded, `attrs["version"]` is its version, if it has one."""

    def load(self) -> "pd.DataFrame":
        """Load the table and note its version."""
        table: pd.DataFrame = super().load()  # type: ignore[safe-super]
        version = self.resolve_load_version()
        # whatever attributes were saved are those of the tables that this one was made from
        table.attrs = {"version": version} if version else {}
        return table

    def preview(self, nrows: int = 30) -> TablePreview:
        """Show the first rows; small tables are shown whole."""
        return super().preview(nrows)


class AtomicCSV(AtomicSave, CSVDataset):  # type: ignore[misc]
    """A pandas table in a CSV file: for people, never between pipelines."""


class Document(dict[str, Any]):
    """A mapping that knows which version it was loaded from."""

    version: str | None = None


class AtomicJSON(AtomicSave, JSONDataset):  # type: ignore[misc]
    """Mappings and lists in a JSON file; a loaded mapping is a `Document`."""

    def load(self) -> Any:
        """Load the file and note the version of a mapping."""
        content = super().load()  # type: ignore[safe-super]
        if not isinstance(content, dict):
            return content
        document = Document(content)
        document.version = self.resolve_load_version()
        return document

    def preview(self) -> JSONPreview:
        """Show as much as there is room for."""
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


class AtomicPlotly(AtomicSave, JSONDataset):  # type: ignore[misc]
    """A plotly figure in a JSON file.

    Not a subclass of `plotly.JSONDataset`, which takes a third of a second to import whether it is used or not.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}

    def load(self) -> "Figure":
        """Load the figure."""
        import plotly.io

        with self._fs.open(str(self._get_load_path()), mode="r", encoding="utf-8") as file:
            figure: Figure = plotly.io.from_json(file.read())
        return figure

    def save(self, data: "Figure") -> None:
        """Write the figure; `save_args` are those of its `write_json`."""
        with self._fs.open(str(self._get_save_path()), mode="w", encoding="utf-8") as file:
            data.write_json(file, **self._save_args)

    def preview(self) -> PlotlyPreview:
        """Show the figure, with fewer points where it has many."""
        return preview_chart(super().load())  # type: ignore[safe-super]


class AtomicFigure(AtomicSave, JSONDataset):  # type: ignore[misc]
    """A matplotlib figure in an image file, PNG unless `save_args` say otherwise; not loaded again.

    Not a subclass of `MatplotlibDataset`, which takes half a second to import pyplot.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}

    def load(self) -> NoReturn:
        """Refuse: a picture is no figure any more."""
        raise DatasetError(f"Loading not supported for '{type(self).__name__}'")

    def save(self, data: "MatplotlibFigure") -> None:
        """Draw the figure; `save_args` are those of its `savefig`."""
        with self._fs.open(str(self._get_save_path()), mode="wb") as file:
            data.savefig(file, **self._save_args)

    def preview(self) -> ImagePreview:
        """Show the figure smaller."""
        from PIL import Image

        with self._fs.open(str(self._get_load_path()), mode="rb") as file, Image.open(file) as picture:
            return preview_picture(picture)


@dataclass(frozen=True, eq=False)
class Manifests(Mapping[str, Mapping[str, Any]]):
    """Manifests of runs by version, each read when it is asked for; a run that is going on or was killed has none."""

    filepath: str
    current: str

    def _open(self, version: str | None) -> AtomicJSON:
        return AtomicJSON(filepath=self.filepath, version=Version(version, None))  # type: ignore[arg-type]

    def __getitem__(self, version: str) -> Mapping[str, Any]:
        if version not in set(self):
            raise KeyError(version)
        manifest: Mapping[str, Any] = self._open(version).load()
        return manifest

    def __iter__(self) -> Iterator[str]:
        return iter(self._open(None).list_versions(full_path=False))

    def __len__(self) -> int:
        return len(list(iter(self)))


class RunManifests(AbstractDataset[NoReturn, Manifests]):
    """Look up the manifests that `run_manifest` saves, in a file of the same name; read only.

    Has to be `versioned: true` in the catalog, from which it learns the version of the run that is going on.
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = filepath
        self._current = (version.save if version else None) or ""
        self.metadata = metadata

    def load(self) -> Manifests:
        """Open the manifests; there may be none."""
        return Manifests(self._filepath, self._current)

    def save(self, data: NoReturn) -> None:  # noqa: ARG002
        """Refuse: a hook saves manifests, under `run_manifest`."""
        raise DatasetError("run_manifests is read only; manifests are saved under run_manifest")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
