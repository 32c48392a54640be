"""What the models trust beyond skops' own types is stored whole, and checked as strictly as the forest's trees."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.lib.recfunctions import repack_fields

from blastscreen.datasets import SkopsModel
from blastscreen.datasets.skops_model import TRUSTED_TYPES
from blastscreen.datasets.whole_files import EntryRefused, write_digest
from blastscreen.models import MODELS, ModelKind
from blastscreen.models.tabular import fit_classifier
from blastscreen.vocabulary import Balancing

FEATURES = ["area", "solidity", "sobel_mean"]
SMALL = {"n_trees": 3, "n_iterations": 3, "learning_rate": 0.1, "max_leaves": 4, "inverse_penalty": 1.0}
SHARED = {
    "false_alarm_cost": 2.0,
    "ensemble_size": 2,
    "permutation_repeats": 1,
    "correlation_threshold": 0.8,
    "seed": 0,
}
TABULAR = [name for name, model in MODELS.items() if model.kind == ModelKind.TABULAR]

rng = np.random.default_rng(0)
CELLS = pd.DataFrame(rng.normal(size=(120, len(FEATURES))), columns=FEATURES)
TABLE = CELLS.assign(
    image_id=[f"{number:03}" for number in range(120)],
    subject_group="1",
    label=np.where(CELLS["area"] + rng.normal(size=120) > -0.5, "all", "hem"),
    split="train",
)


def fit(name, balancing=Balancing.CLASS_WEIGHT):
    block = MODELS[name].parameters
    own = {field: value for field, value in SMALL.items() if field in block.model_fields}
    return fit_classifier(TABLE, settings=block(**own, **SHARED, balancing=balancing))


def load_crafted(path, model):
    """Write a model as somebody could who knows how damage is noticed, and load it."""
    path.write_bytes(skops.io.dumps(model))
    write_digest(path)
    return SkopsModel(filepath=str(path)).load()


@pytest.mark.parametrize("balancing", Balancing)
@pytest.mark.parametrize("name", TABULAR)
def test_every_model_is_stored_whole_whatever_its_balancing(tmp_path, name, balancing):
    model, dataset = fit(name, balancing), SkopsModel(filepath=str(tmp_path / "model.skops"))
    dataset.save(model)
    loaded = dataset.load()
    np.testing.assert_array_equal(loaded.predict_proba(CELLS), model.predict_proba(CELLS))
    assert loaded.feature_names_in_.tolist() == FEATURES
    assert loaded.classes_.tolist() == ["all", "hem"]


def test_nothing_is_trusted_that_no_model_needs():
    models = [fit(name, balancing) for name in TABULAR for balancing in (Balancing.NONE, Balancing.EASY_ENSEMBLE)]
    needed = {name for model in models for name in skops.io.get_untrusted_types(data=skops.io.dumps(model))}
    assert sorted(needed) == sorted(TRUSTED_TYPES)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("left", 10**6, "points to nodes"),
        ("right", 0, "points to nodes"),
        ("feature_idx", len(FEATURES), "features that the model does not have"),
        ("feature_idx", -1, "features that the model does not have"),
        ("is_categorical", 1, "features that the model does not have"),
        ("value", np.nan, "not finite"),
    ],
)
def test_boosted_trees_that_point_outside_themselves_are_refused(tmp_path, field, value, message):
    model = fit("gradient_boosting")
    assert load_crafted(tmp_path / "model.skops", model)
    model._predictors[-1][0].nodes[field][0] = value
    with pytest.raises(EntryRefused, match=message):
        load_crafted(tmp_path / "model.skops", model)


def test_boosted_trees_without_nodes_or_of_another_make_are_refused(tmp_path):
    for change in (lambda nodes: nodes[:0], lambda nodes: repack_fields(nodes[["left", "right", "is_leaf"]])):
        model = fit("gradient_boosting")
        tree = model._predictors[0][0]
        tree.nodes = change(tree.nodes)
        with pytest.raises(EntryRefused, match=r"a tree has no nodes|Cannot cast array data"):
            load_crafted(tmp_path / "model.skops", model)


@pytest.mark.parametrize(
    ("name", "balancing", "attribute", "value"),
    [
        ("gradient_boosting", "none", "n_trees_per_iteration_", 10**12),
        ("gradient_boosting", "none", "n_features_in_", 10**9),
        ("gradient_boosting", "none", "_in_fit", True),
        ("gradient_boosting", "none", "_preprocessor", MODELS),
        ("gradient_boosting", "none", "is_categorical_", np.ones(3, bool)),
        ("gradient_boosting", "none", "classes_", np.array(["all"])),
        ("gradient_boosting", "easy_ensemble", "n_classes_", 10**12),
        ("logistic_regression", "easy_ensemble", "classes_", np.array(["all"])),
    ],
)
def test_models_that_contradict_themselves_are_refused(tmp_path, name, balancing, attribute, value):
    model = fit(name, balancing)
    setattr(model, attribute, fit("logistic_regression")[0] if value is MODELS else value)
    with pytest.raises(EntryRefused, match="not a classifier saved with skops that can be used"):
        load_crafted(tmp_path / "model.skops", model)


@pytest.mark.parametrize(("name", "balancing"), [("gradient_boosting", "none"), ("extra_trees", "easy_ensemble")])
def test_a_changed_file_predicts_probabilities_or_is_refused(tmp_path, change_model, name, balancing):
    """Whatever is changed in description and arrays: no other error, no crash, nothing but probabilities."""
    path, chance = tmp_path / "model.skops", np.random.default_rng(5)
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(fit(name, balancing)))) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    refused = 0
    for number in range(80):
        members = change_model(whole, described=number % 2, chance=chance)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        write_digest(path)
        try:
            model = SkopsModel(filepath=str(path)).load()
        except EntryRefused:
            refused += 1
            continue
        probabilities = model.predict_proba(pd.concat([CELLS, 1e30 * CELLS]))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert probabilities.min() >= 0
    assert 15 < refused < 80
