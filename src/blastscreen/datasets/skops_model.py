"""Fitted scikit-learn estimators without pickle."""

import math
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np
import skops.io
from kedro.io.core import AbstractVersionedDataset, DatasetError, Version
from sklearn.ensemble._forest import BaseForest
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree
from skops.io.exceptions import UntrustedTypesFoundException

from blastscreen.datasets.atomic import AtomicSave, require_local_path

# What a file may hold beyond the types that skops trusts by itself. Never taken from a file.
TRUSTED_TYPES = ("sklearn.tree._tree.Tree",)


class SkopsModel(AtomicSave, AbstractVersionedDataset[Any, Any]):
    """A scikit-learn estimator in a skops file, which holds data and type names but nothing to execute.

    Examples:
        In a catalog::

            rf_model:
              type: blastscreen.datasets.SkopsModel
              filepath: data/06_models/rf_model.skops
              versioned: true
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe the file; nothing is read yet.

        Args:
            filepath: File, local.
            version: Version to load and to save, if versioned.
            metadata: For other tools; ignored here.

        Raises:
            DatasetError: If the path is not local.
        """
        super().__init__(filepath=require_local_path(filepath, version), version=version)
        self.metadata = metadata

    def save(self, data: Any) -> None:
        """Write the estimator.

        Raises:
            DatasetError: If it has parts of types that `load` would refuse.
        """
        # the lowest level: half the time of the usual one, for a file a quarter larger
        content = skops.io.dumps(data, compression=ZIP_DEFLATED, compresslevel=1)
        _require_trusted(content, f"This {type(data).__name__}")
        Path(self._get_save_path()).write_bytes(content)

    def load(self) -> Any:
        """Read the estimator.

        Raises:
            DatasetError: If the file is no skops file, holds types that are not trusted, or trees that point outside
                themselves.
        """
        path = Path(self._get_load_path())
        content = path.read_bytes()
        try:
            model = skops.io.loads(content, trusted=TRUSTED_TYPES)
            _require_sound_trees(model)
        except UntrustedTypesFoundException:
            _require_trusted(content, str(path))
            raise
        except Exception as exc:
            raise DatasetError(
                f"{path} is damaged or not a model saved with skops ({type(exc).__name__}: {exc}). Train it again."
            ) from exc
        return model

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


def _require_trusted(content: bytes, name: str) -> None:
    untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    if untrusted:
        raise DatasetError(
            f"{name} holds types that are not trusted: {', '.join(untrusted)}. If they are needed and where they come "
            f"from is known, add them to TRUSTED_TYPES in {__name__}; otherwise do not use the file."
        )


def _require_sound_trees(value: object, *, width: float = math.inf) -> None:
    """Check every tree within a model, because scikit-learn follows the indices in it without looking.

    Args:
        value: The model, or a part of it.
        width: Features that the estimators around it let through.

    Raises:
        ValueError: If a tree points outside its nodes or features.
    """
    if isinstance(value, Tree):
        _require_sound_tree(value, width=width)
        return
    if isinstance(value, BaseForest | BaseDecisionTree):
        width = min(width, getattr(value, "n_features_in_", 0))
    parts: Any = ()
    if isinstance(value, list | tuple):
        parts = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        parts = value.ravel()
    elif isinstance(value, dict):
        parts = value.values()
    elif not isinstance(value, type):
        parts = getattr(value, "__dict__", {}).values()
    for part in parts:
        _require_sound_trees(part, width=width)


def _require_sound_tree(tree: Tree, *, width: float) -> None:
    """Check one tree: children come after their parent, and features are among the first `width`."""
    nodes = np.arange(tree.node_count)
    inner = tree.children_left != -1
    for children in (tree.children_left[inner], tree.children_right[inner]):
        if not np.all((children > nodes[inner]) & (children < tree.node_count)):
            raise ValueError("a tree points to nodes that it does not have")
    feature = tree.feature[inner]
    if tree.node_count == 0 or not np.all((feature >= 0) & (feature < width)):
        raise ValueError("a tree has no nodes or asks for features that the model does not have")
