import io
import json
import zipfile

import numpy as np
import pytest
import skops.io
from kedro.io.core import DatasetError, Version
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier

from blastscreen.datasets import SkopsModel
from blastscreen.datasets.whole_files import EntryRefused, write_digest

OLD, NEW, NEWEST = "2024-01-01T00.00.00.000Z", "2025-01-01T00.00.00.000Z", "2026-01-01T00.00.00.000Z"
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 15))
Y = np.where(X[:, 0] + rng.normal(size=300) > 0, "all", "hem")


def fit_forest(trees=5, *, x=X):
    return RandomForestClassifier(trees, class_weight="balanced", random_state=0).fit(x, Y)


def write_signed(path, content):
    """Write a file as somebody could who knows how damage is told."""
    path.write_bytes(content)
    write_digest(path)


def make_dataset(folder, *, load=None, save=None):
    return SkopsModel(filepath=str(folder / "forest.skops"), version=Version(load, save))


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
def test_round_trip_is_bit_identical(tmp_path, version):
    path = str(tmp_path / "deep" / "forest.skops")
    forest, dataset = fit_forest(20), SkopsModel(filepath=path, version=version)
    assert not dataset.exists()
    dataset.save(forest)
    assert dataset.exists()
    loaded = SkopsModel(filepath=path, version=version).load()
    np.testing.assert_array_equal(loaded.predict_proba(X), forest.predict_proba(X))
    assert list(loaded.classes_) == ["all", "hem"]
    assert loaded.get_params() == forest.get_params()


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
def test_missing_file(tmp_path, version):
    dataset = SkopsModel(filepath=str(tmp_path / "forest.skops"), version=version)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="No such file" if version is None else "Did not find any versions"):
        dataset.load()


def test_versions_and_pin(tmp_path):
    make_dataset(tmp_path, save=OLD).save(fit_forest(1))
    run, other_run = make_dataset(tmp_path, save=NEW), make_dataset(tmp_path, save=NEWEST)
    run.save(fit_forest(2))
    other_run.save(fit_forest(3))
    run.release()
    assert len(run.load().estimators_) == 2
    assert len(make_dataset(tmp_path).load().estimators_) == 3
    assert len(make_dataset(tmp_path, load=OLD).load().estimators_) == 1


def test_a_full_disk_leaves_nothing_and_the_next_save_works(tmp_path, full_disk):
    dataset = make_dataset(tmp_path, save=OLD)
    with full_disk(), pytest.raises(DatasetError, match="File too large"):
        dataset.save(fit_forest(50))
    assert list(tmp_path.iterdir()) == []
    dataset.save(fit_forest(50))
    assert len(dataset.load().estimators_) == 50


def test_types_that_are_not_trusted_are_named(tmp_path):
    path = tmp_path / "model.skops"
    write_signed(path, skops.io.dumps(CalibratedClassifierCV(DecisionTreeClassifier(max_depth=1), cv=2).fit(X, Y)))
    with pytest.raises(
        DatasetError, match=r"not trusted: sklearn\.calibration\._CalibratedClassifier, .*trusted_types"
    ):
        SkopsModel(filepath=str(path)).load()


def test_a_model_that_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(DatasetError, match=r"This CalibratedClassifierCV .* holds types that are not trusted"):
        make_dataset(tmp_path).save(CalibratedClassifierCV(DecisionTreeClassifier(max_depth=1), cv=2).fit(X, Y))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["text", "empty", "cut", "damaged", "zip", "zip of nonsense"])
def test_what_is_no_model_is_reported(tmp_path, content):
    path = tmp_path / "forest.skops"
    whole = skops.io.dumps(fit_forest(1))
    place = whole.index(b"NUMPY") + 500
    if content.startswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.json" if "nonsense" in content else "other.json", "nonsense")
        write_digest(path)
    else:
        write_signed(
            path,
            {
                "text": b"not a model",
                "empty": b"",
                "cut": whole[: len(whole) // 2],
                "damaged": whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
            }[content],
        )
    with pytest.raises(DatasetError, match="not a classifier saved with skops that can be used"):
        SkopsModel(filepath=str(path)).load()


def break_tree(forest, **changes):
    """Give the first inner node of the last tree other links, as a crafted file could."""
    tree = forest.estimators_[-1].tree_
    state = tree.__getstate__()
    for name, value in changes.items():
        state["nodes"][name][0] = value
    tree.__setstate__(state)
    return forest


@pytest.mark.parametrize(
    "changes",
    [
        {"left_child": 10**6},
        {"right_child": 10**6},
        {"left_child": -7},
        {"right_child": -1},
        {"left_child": 0},
        {"feature": 15},
        {"feature": -1},
    ],
    ids=str,
)
def test_trees_that_point_outside_themselves_are_refused(tmp_path, changes):
    path = tmp_path / "forest.skops"
    write_signed(path, skops.io.dumps(break_tree(fit_forest(), **changes)))
    with pytest.raises(DatasetError, match=r"used: a tree (points to|has no) nodes"):
        SkopsModel(filepath=str(path)).load()


def test_trees_that_see_more_features_than_their_forest_are_refused(tmp_path):
    narrow, wide = fit_forest(x=X[:, 1:3]), fit_forest()
    narrow.estimators_[0] = wide.estimators_[0]
    path = tmp_path / "forest.skops"
    write_signed(path, skops.io.dumps(narrow))
    with pytest.raises(DatasetError, match="features that the model does not have"):
        SkopsModel(filepath=str(path)).load()


def test_trees_are_found_within_other_models(tmp_path):
    path = tmp_path / "model.skops"
    pipeline = make_pipeline(PolynomialFeatures(), RandomForestClassifier(3, random_state=0)).fit(X, Y)
    write_signed(path, skops.io.dumps(pipeline))
    loaded = SkopsModel(filepath=str(path)).load()
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    break_tree(pipeline[-1], left_child=10**6)
    write_signed(path, skops.io.dumps(pipeline))
    with pytest.raises(DatasetError, match="points to nodes that it does not have"):
        SkopsModel(filepath=str(path)).load()


@pytest.mark.parametrize(
    "hide", [lambda part: (1, part), lambda part: {"part": part}, lambda part: np.array([part, 0])]
)
def test_trees_are_found_wherever_a_file_hides_them(tmp_path, hide):
    path = tmp_path / "model.skops"
    model = DummyClassifier().fit(X, Y)
    model.parts_ = hide(DecisionTreeClassifier(random_state=0).fit(X, Y))
    write_signed(path, skops.io.dumps(model))
    SkopsModel(filepath=str(path)).load()
    crafted = DummyClassifier().fit(X, Y)
    crafted.parts_ = hide(break_tree(fit_forest(1), left_child=10**6).estimators_[0])
    write_signed(path, skops.io.dumps(crafted))
    with pytest.raises(DatasetError, match="points to nodes that it does not have"):
        SkopsModel(filepath=str(path)).load()


def read_members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    write_digest(path)


def refuse(path, message):
    with pytest.raises(EntryRefused, match=message) as refused:
        SkopsModel(filepath=str(path)).load()
    assert len(str(refused.value)) < 1000


def test_a_few_lists_that_stand_for_millions_are_refused(tmp_path):
    """Each names the one within it twice: 2^30 parts, of which skops would look at each."""
    path = tmp_path / "bomb.skops"
    node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": [], "__id__": 1}
    for number in range(2, 32):
        twice = {"__class__": "list", "__module__": "builtins", "__loader__": "CachedNode", "__id__": node["__id__"]}
        node = {**node, "content": [node, twice], "__id__": number}
    write_members(path, {"schema.json": json.dumps(node | {"protocol": 2, "_skops_version": skops.__version__})})
    refuse(path, r"it stands for \d{10} parts")


def test_files_that_unpack_to_much_more_are_refused(tmp_path):
    path = tmp_path / "bomb.skops"
    write_members(path, read_members(skops.io.dumps(fit_forest())) | {"zeros.npy": bytes(2**26)})
    refuse(path, "would unpack to")


def test_one_array_that_is_read_for_every_part_is_refused(tmp_path):
    path = tmp_path / "bomb.skops"
    members = read_members(skops.io.dumps(fit_forest(1)))
    members["large.npy"] = rng.bytes(10**6)
    schema = json.loads(members["schema.json"])
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy"}
    schema["many"] = [array | {"file": "large.npy", "__id__": number} for number in range(1000)]
    write_members(path, members | {"schema.json": json.dumps(schema)})
    refuse(path, "parts of 1000")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (np.add, "classifier"),
        ([1, 2], "classifier"),
        (RandomForestClassifier(), "not fitted"),
        (RandomForestRegressor(2).fit(X, X[:, 0]), "no classifier"),
    ],
    ids=["ufunc", "list", "unfitted", "regressor"],
)
def test_what_is_no_fitted_classifier_is_neither_loaded_nor_saved(tmp_path, what, message):
    path = tmp_path / "model.skops"
    write_signed(path, skops.io.dumps(what))
    refuse(path, message)
    with pytest.raises(EntryRefused, match=r"could not be loaded again: .*"):
        make_dataset(tmp_path / "saved").save(what)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_classes_", 10**12), ("classes_", np.array(["all"])), ("n_features_in_", 10**9)],
)
def test_forests_that_contradict_themselves_are_refused(tmp_path, name, value):
    path = tmp_path / "forest.skops"
    forest = fit_forest()
    setattr(forest, name, value)
    write_signed(path, skops.io.dumps(forest))
    refuse(path, "not a classifier saved with skops that can be used")


def test_a_file_does_not_say_how_many_threads_are_started(tmp_path):
    path = tmp_path / "forest.skops"
    forest = fit_forest().set_params(n_jobs=10**6)
    write_signed(path, skops.io.dumps(forest))
    assert SkopsModel(filepath=str(path)).load().n_jobs is None


def test_a_changed_file_predicts_probabilities_or_is_refused(tmp_path, change_model):
    """Whatever is changed in description and arrays: no other error, no crash, nothing but probabilities."""
    path, chance = tmp_path / "forest.skops", np.random.default_rng(5)
    whole = read_members(skops.io.dumps(RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, Y)))
    refused = 0
    for number in range(120):
        members = change_model(whole, described=number % 2, chance=chance)
        write_members(path, members)
        try:
            forest = SkopsModel(filepath=str(path)).load()
        except EntryRefused:
            refused += 1
            continue
        probabilities = forest.predict_proba(np.vstack([X, 1e30 * X]))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert probabilities.min() >= 0
    assert 30 < refused < 120


def test_other_storage_is_refused():
    with pytest.raises(DatasetError, match="local files, not under s3://"):
        SkopsModel(filepath="s3://bucket/forest.skops")
