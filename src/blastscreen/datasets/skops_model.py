"""Fitted scikit-learn estimators without pickle."""

import json
import math
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import skops.io
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import BaggingClassifier
from sklearn.ensemble._forest import BaseForest, ForestClassifier
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree
from sklearn.utils.validation import check_is_fitted
from skops.io.exceptions import UntrustedTypesFoundException

from blastscreen.datasets.atomic import LocalFile
from blastscreen.datasets.whole_files import EntryRefused, refuse, require_modest
from blastscreen.models import MODELS
from blastscreen.models.balancing import ENSEMBLE_TYPES

# What a file may hold beyond the types that skops trusts by itself. Never taken from a file.
TRUSTED_TYPES = sorted({*ENSEMBLE_TYPES, *(name for model in MODELS.values() for name in model.trusted_types)})

_SCHEMA = "schema.json"
# A forest of 100 trees has 5,800 parts, described in 1.6 MB.
_MOST_PARTS = 1_000_000
_LARGEST_SCHEMA = 2**27
_MOST_FEATURES = 100_000


class SkopsModel(LocalFile):
    """A fitted scikit-learn classifier in a skops file, which holds data and type names but nothing to execute."""

    def save(self, data: Any) -> None:
        """Write the estimator; EntryRefused if `load` would refuse it."""
        # the lowest level: half the time of the usual one, for a file a quarter larger
        content = skops.io.dumps(data, compression=ZIP_DEFLATED, compresslevel=1)
        try:
            _require_bounded(content)
            _require_trusted(content)
            _require_classifier(data)
        except Exception as exc:
            raise EntryRefused(f"This {type(data).__name__} could not be loaded again: {exc}.") from exc
        Path(self._get_save_path()).write_bytes(content)

    def load(self) -> Any:
        """Read the estimator; EntryRefused unless it is a sound, fitted classifier of trusted types that predicts."""
        path = Path(self._get_load_path())
        content = path.read_bytes()
        try:
            _require_bounded(content)
            model = _build(content)
            _require_sound_parts(model)
            _require_classifier(model)
        except Exception as exc:
            reason = str(exc) if type(exc) is ValueError else f"{type(exc).__name__}: {exc}"
            raise refuse(path, f"is not a classifier saved with skops that can be used: {reason}") from exc
        return model


def _require_bounded(content: bytes) -> None:
    # Objects are described once and referred to by number, so that a few nested lists that name each other twice stand
    # for 2^n; skops walks all of them to look for types.
    with ZipFile(BytesIO(content)) as archive:
        require_modest(archive, size=len(content))
        if archive.getinfo(_SCHEMA).file_size > _LARGEST_SCHEMA:
            raise ValueError(f"its {_SCHEMA} is larger than {_LARGEST_SCHEMA} bytes")
        schema = json.loads(archive.read(_SCHEMA))
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    parts, size = _measure(schema, sizes, {})
    if parts > _MOST_PARTS or size > 2 * sum(sizes.values()):
        raise ValueError(f"it stands for {parts} parts of {size} bytes")


def _measure(node: object, sizes: dict[str, int], known: dict[object, int]) -> tuple[int, int]:
    """Count the parts of a described object, repeated ones each time, and the bytes that are read for them."""
    if not isinstance(node, list | dict):
        return 0, 0
    described = node if isinstance(node, dict) else dict(enumerate(node))
    number = described.get("__id__")
    if number in known:
        return known[number], 0
    if number is not None:
        known[number] = 1  # as often as it holds itself
    measured = [_measure(value, sizes, known) for value in described.values()]
    parts = 1 + sum(count for count, _ in measured)
    if number is not None:
        known[number] = parts
    return parts, sizes.get(str(described.get("file")), 0) + sum(read for _, read in measured)


def _build(content: bytes) -> Any:
    try:
        return skops.io.loads(content, trusted=TRUSTED_TYPES)
    except UntrustedTypesFoundException:
        _require_trusted(content)
        raise


def _require_trusted(content: bytes) -> None:
    untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    if untrusted:
        raise ValueError(
            f"it holds types that are not trusted: {', '.join(untrusted)}. If they are needed and where they come from "
            "is known, add them to trusted_types of the model's entry in blastscreen.models"
        )


def _require_classifier(model: Any) -> None:
    # predicts once, so that what is missing shows now and not in the middle of a run
    check_is_fitted(model)
    width = int(getattr(model, "n_features_in_", 1))
    if not is_classifier(model) or not 0 < width <= _MOST_FEATURES:
        raise ValueError("it is no classifier of a reasonable number of features")
    names = getattr(model, "feature_names_in_", None)
    cell = np.ones((1, width)) if names is None else pd.DataFrame(np.ones((1, width)), columns=names)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        probabilities = model.predict_proba(cell)
    classes = list(model.classes_)
    if np.shape(probabilities) != (1, len(set(classes))) or len(set(classes)) < len(classes):
        raise ValueError(f"it knows classes {classes} and predicts {np.shape(probabilities)}")
    if not math.isclose(np.sum(probabilities), 1, rel_tol=1e-6) or np.min(probabilities) < 0:
        raise ValueError(f"it predicts {probabilities}, which are no probabilities")


def _require_sound_parts(value: object, *, width: float = math.inf) -> None:
    """Check every tree in a model or a part of it, because scikit-learn follows the indices in it without looking.

    `width` is the number of features that the estimators around a part let through. Also forgets how many threads a
    part wants to start: that is a matter of the machine, not of the file.
    """
    if isinstance(value, Tree):
        _require_sound_tree(value, width=width)
        return
    if isinstance(value, TreePredictor):
        _require_sound_boosted_tree(value.nodes, width=width)
        return
    if isinstance(value, BaseEstimator) and hasattr(value, "n_jobs"):
        value.n_jobs = None
    if isinstance(value, ForestClassifier) and hasattr(value, "estimators_"):
        counted = {part.n_classes_ for part in (value, *value.estimators_)}
        if counted != {len(value.classes_)}:
            raise ValueError(f"a forest of {len(value.classes_)} classes counts {sorted(counted)}")
    if isinstance(value, BaggingClassifier) and getattr(value, "n_classes_", None) != len(value.classes_):
        raise ValueError(f"an ensemble of {len(value.classes_)} classes counts {value.n_classes_}")
    if isinstance(value, BaseHistGradientBoosting) and hasattr(value, "_predictors"):
        _require_plain_boosting(value)
    if isinstance(value, BaseForest | BaseDecisionTree | BaseHistGradientBoosting):
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
        _require_sound_parts(part, width=width)


def _require_sound_tree(tree: Tree, *, width: float) -> None:
    inner = tree.children_left != -1
    _require_way_down(inner, (tree.children_left, tree.children_right), tree.feature, width=width)
    is_sound = np.all(tree.value >= 0) and np.allclose(tree.value.sum(axis=2), 1, rtol=0, atol=1e-9)
    if tree.max_n_classes > 1 and not is_sound:
        raise ValueError("a tree holds shares of classes that do not add up")


def _require_sound_boosted_tree(nodes: "np.ndarray[Any, np.dtype[np.void]]", *, width: float) -> None:
    if nodes.ndim != 1 or nodes["is_categorical"].any():
        raise ValueError("a tree has no nodes or asks for features that the model does not have")
    _require_way_down(nodes["is_leaf"] == 0, (nodes["left"], nodes["right"]), nodes["feature_idx"], width=width)
    if not np.isfinite(nodes["value"]).all():
        raise ValueError("a tree holds values that are not finite")


def _require_way_down(inner: Any, children: tuple[Any, Any], features: Any, *, width: float) -> None:
    # children come after their parent, features are among the first `width`
    parents = np.flatnonzero(inner)
    for child in children:
        if not np.all((child[inner] > parents) & (child[inner] < len(inner))):
            raise ValueError("a tree points to nodes that it does not have")
    if len(inner) == 0 or not np.all((features[inner] >= 0) & (features[inner] < width)):
        raise ValueError("a tree has no nodes or asks for features that the model does not have")


def _require_plain_boosting(model: BaseHistGradientBoosting) -> None:
    """Check that boosting is of two classes, and does nothing to features before its trees see them."""
    if vars(model).get("_in_fit") or model._preprocessor is not None or model.is_categorical_ is not None:
        raise ValueError("it is boosting that changes its features first")
    n_classes, n_trees = len(model.classes_), model.n_trees_per_iteration_
    if (n_classes, n_trees) != (2, 1):
        raise ValueError(f"boosting of {n_classes} classes has {n_trees} trees at a time")
