"""Keras networks in `.keras` files, without code."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io.core import DatasetError, Version

from blastscreen.datasets.atomic import LocalFile
from blastscreen.datasets.whole_files import EntryRefused, refuse, require_modest

# All that a stored network may be made of, as Keras spells it in a file; extended with the networks. Never taken from a
# file.
ALLOWED = {
    "": ("__keras_tensor__",),
    "keras": ("DTypePolicy",),
    "keras.initializers": ("GlorotUniform", "Ones", "Zeros"),
    "keras.layers": (
        "Average",
        "BatchNormalization",
        "Conv2D",
        "Dense",
        "Dropout",
        "Flatten",
        "GlobalAveragePooling2D",
        "GroupNormalization",
        "InputLayer",
        "MaxPooling2D",
        "ReLU",
        "Rescaling",
    ),
    "keras.src.models.functional": ("Functional",),
    "keras.src.ops.numpy": ("Add", "Greater", "Log10", "Max", "Negative", "TrueDivide", "Where"),
}

_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
# A network has some 15 kB of it.
_LARGEST_CONFIG = 2**24
_LARGEST_NUMBER = 2**16
_NO_SIZES = ("seed", "shared_object_id")


class KerasModel(LocalFile):
    """A Keras network in a `.keras` file: its layers by name, and its weights.

    Loaded in Keras' safe mode and for prediction only, without loss and optimiser. A network with other parts than
    `ALLOWED` names is neither saved nor loaded: a Lambda layer, for one, would bring Python code along.
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe the file; DatasetError if its path is not local, or does not end in `.keras`."""
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        if self._filepath.suffix != ".keras":
            raise DatasetError(f"{filepath}: Keras takes files whose names end in .keras only. Rename it.")

    def save(self, data: Any) -> None:
        """Write the network; EntryRefused if it has other parts than those of `ALLOWED`."""
        import keras

        try:
            _require_allowed(keras.saving.serialize_keras_object(data))
        except _NotOurs as exc:
            raise EntryRefused(f"This network could not be loaded again: {exc}.") from exc
        data.save(self._get_save_path())

    def load(self) -> Any:
        """Read the network; EntryRefused if the file is no Keras file, or has other parts than those of `ALLOWED`."""
        import keras

        path = Path(self._get_load_path())
        path.open("rb").close()  # a missing file is reported as such, not as damage
        try:
            with zipfile.ZipFile(path) as archive:
                _require_bounded(archive, size=path.stat().st_size)
                _require_allowed(json.loads(archive.read(_CONFIG)))
            network = keras.saving.load_model(path, compile=False, safe_mode=True)
            if not all(np.isfinite(weights).all() for weights in network.get_weights()):
                raise _NotOurs("it has weights that are not finite")
        except Exception as exc:
            # Keras' own words may advise to switch its safe mode off: they stay in the traceback
            reason = str(exc) if isinstance(exc, _NotOurs) else f"Keras cannot load it ({type(exc).__name__})"
            raise refuse(path, f"is not a network that can be used: {reason}") from exc
        return network


class _NotOurs(ValueError):
    pass  # says in a few words why a file is refused


def _require_allowed(config: dict[str, Any]) -> None:
    # our own look, because one call of `keras.config.enable_unsafe_deserialization` anywhere turns safe mode off
    found = sorted(set(_list_forbidden(config | {"compile_config": None})))  # loss and optimiser are not loaded
    if found:
        raise _NotOurs(f"it holds what no network here is made of: {', '.join(found)} (see ALLOWED in {__name__})")


def _list_forbidden(config: object) -> Iterator[str]:
    if isinstance(config, dict):
        if "class_name" in config:
            module, name = config.get("module"), config["class_name"]
            if name not in ALLOWED.get(module or "", ()):
                yield f"{module}.{name}"
        for key, value in config.items():
            if isinstance(value, int) and abs(value) > _LARGEST_NUMBER and key not in _NO_SIZES:
                yield f"{key}={value}"
            yield from _list_forbidden(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _list_forbidden(value)


def _require_bounded(archive: zipfile.ZipFile, *, size: int) -> None:
    import h5py  # type: ignore[import-untyped]

    require_modest(archive, size=size)
    if archive.getinfo(_CONFIG).file_size > _LARGEST_CONFIG:
        raise _NotOurs(f"its {_CONFIG} is larger than {_LARGEST_CONFIG} bytes")
    content = archive.read(_WEIGHTS)
    links: list[tuple[str, object]] = []
    with h5py.File(BytesIO(content)) as file:
        file.visititems_links(lambda *link: links.append(link))
        size = sum(_measure_weights(file, name, link) for name, link in links)
    if size > len(content):
        raise _NotOurs("its weights would unpack to more than the file holds")


def _measure_weights(file: Any, name: str, link: object) -> int:
    import h5py

    found = file[name] if isinstance(link, h5py.HardLink) else None
    if found is None or (isinstance(found, h5py.Dataset) and (found.external or found.is_virtual)):
        raise _NotOurs(f"its weights {name} lie in another file")
    return found.nbytes if isinstance(found, h5py.Dataset) else 0
