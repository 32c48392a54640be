"""Keras networks in `.keras` files, without code."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.io.core import AbstractVersionedDataset, DatasetError, Version

from blastscreen.datasets.atomic import AtomicSave, require_local_path

SUFFIX = ".keras"
_CONFIG = "config.json"


class KerasModel(AtomicSave, AbstractVersionedDataset[Any, Any]):
    """A Keras network in a `.keras` file: its layers by name, and its weights.

    Loaded in Keras' safe mode and for prediction only, without loss and optimiser. A network with a Lambda layer, which
    would bring Python code along, is neither saved nor loaded.

    Examples:
        In a catalog::

            cnn_model:
              type: blastscreen.datasets.KerasModel
              filepath: data/06_models/cnn_model.keras
              versioned: true
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe the file; nothing is read yet.

        Args:
            filepath: File, local, whose name ends in `.keras`.
            version: Version to load and to save, if versioned.
            metadata: For other tools; ignored here.

        Raises:
            DatasetError: If the path is not local, or has another ending.
        """
        path = require_local_path(filepath, version)
        if path.suffix != SUFFIX:
            raise DatasetError(f"{filepath}: Keras takes files whose names end in {SUFFIX} only. Rename it.")
        super().__init__(filepath=path, version=version)
        self.metadata = metadata

    def save(self, data: Any) -> None:
        """Write the network.

        Raises:
            DatasetError: If it has a Lambda layer.
        """
        import keras

        _require_no_lambda(keras.saving.serialize_keras_object(data), "This network", "Use Keras layers or keras.ops.")
        data.save(self._get_save_path())

    def load(self) -> Any:
        """Read the network.

        Raises:
            DatasetError: If the file is no Keras file, is damaged, or holds a Lambda layer.
        """
        import keras

        path = Path(self._get_load_path())
        with path.open("rb"):
            pass  # a missing file is reported as such, not as damage
        try:
            with zipfile.ZipFile(path) as archive:
                _require_no_lambda(json.loads(archive.read(_CONFIG)), str(path), "Do not use the file.")
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except DatasetError:
            raise
        except Exception as exc:
            raise DatasetError(
                f"{path} is damaged or not a network saved with Keras ({type(exc).__name__}: {exc}). Train it again."
            ) from exc

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


def _require_no_lambda(config: object, name: str, advice: str) -> None:
    # our own look, because one call of `keras.config.enable_unsafe_deserialization` anywhere turns safe mode off
    found = sorted(set(_lambdas(config)))
    if found:
        raise DatasetError(f"{name} holds Python code ({', '.join(found)}), which would run on loading. {advice}")


def _lambdas(config: object) -> Iterator[str]:
    """Name the Lambda layers and functions anywhere in a network's description."""
    if isinstance(config, dict):
        if config.get("class_name") in ("Lambda", "__lambda__"):
            inner = config.get("config")
            name = inner.get("name", "unnamed") if isinstance(inner, dict) else "unnamed"
            yield f"Lambda layer '{name}'" if config["class_name"] == "Lambda" else "a lambda function"
        for value in config.values():
            yield from _lambdas(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _lambdas(value)
