"""Layers of the catalog, read from where its entries lie."""

from pathlib import PurePath
from typing import Any

from kedro.config import OmegaConfigLoader


class LayeredConfigLoader(OmegaConfigLoader):
    """Reads conf as Kedro does, and tells kedro-viz the layer of each entry that is kept by a class of this project.

    The layer is the folder below `data/` that the file lies in. What has no file of its own brings cells in: `01_raw`.
    An entry that names its layer under `metadata` keeps it.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Load `catalog`, `parameters` or other conf."""
        conf: dict[str, Any] = super().__getitem__(key)
        if key == "catalog":
            for entry in conf.values():
                _add_layer(entry)
        return conf


def _add_layer(entry: Any) -> None:
    if not (isinstance(entry, dict) and str(entry.get("type")).startswith("blastscreen.")):
        return
    match PurePath(entry.get("filepath", "data/01_raw")).parts:
        case ("data", layer, *_):
            entry.setdefault("metadata", {}).setdefault("kedro-viz", {}).setdefault("layer", layer)
