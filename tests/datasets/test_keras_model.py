import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from kedro.io.core import DatasetError, Version
from keras.src.saving.serialization_lib import SafeModeScope

from blastscreen.datasets import KerasModel
from blastscreen.datasets.whole_files import EntryRefused, write_digest

OLD, NEW, NEWEST = "2024-01-01T00.00.00.000Z", "2025-01-01T00.00.00.000Z", "2026-01-01T00.00.00.000Z"
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def make_network(units=4, *, extra=None):
    """All that the project's networks are made of: layers, operations, a network within a network."""
    pixels = keras.Input((8, 8, 3))
    x = keras.ops.where(keras.ops.max(pixels, axis=-1, keepdims=True) > 9, keras.ops.log10(pixels + 1), 0.0)
    x = keras.layers.GroupNormalization(groups=3)(x)
    x = keras.layers.Dropout(0.5, seed=1)(keras.layers.Flatten()(x))
    flat = keras.Input((192,))
    y = keras.layers.Dense(units, activation="relu")(flat)
    for layer in extra or []:
        y = layer(y)
    inner = keras.Model(flat, y)
    return keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(inner(x)))


def save_signed(network, path):
    """Store a network as somebody could who knows how damage is told."""
    network.save(path)
    write_digest(path)


def change_config(path, change):
    """Change the description within a stored network."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    write_digest(path)


def count_units(network):
    return network.layers[-1].kernel.shape[0]


def make_dataset(folder, *, load=None, save=None):
    return KerasModel(filepath=str(folder / "network.keras"), version=Version(load, save))


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
def test_round_trip_is_bit_identical(tmp_path, version):
    path = str(tmp_path / "deep" / "network.keras")
    network, dataset = make_network(), KerasModel(filepath=path, version=version)
    assert not dataset.exists()
    dataset.save(network)
    assert dataset.exists()
    loaded = KerasModel(filepath=path, version=version).load()
    for found, expected in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(loaded.predict_on_batch(FRAMES), network.predict_on_batch(FRAMES))


def test_a_trained_network_is_loaded_for_prediction(tmp_path):
    network = make_network()
    network.compile(optimizer="adam", loss="binary_crossentropy")
    network.train_on_batch(FRAMES, np.array([[0.0], [1.0], [0.0]]))
    dataset = make_dataset(tmp_path, save=OLD)
    dataset.save(network)
    loaded = dataset.load()
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict_on_batch(FRAMES), network.predict_on_batch(FRAMES))


@pytest.mark.parametrize("version", [None, Version(None, None)], ids=["unversioned", "versioned"])
def test_missing_file(tmp_path, version):
    dataset = KerasModel(filepath=str(tmp_path / "network.keras"), version=version)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="No such file" if version is None else "Did not find any versions"):
        dataset.load()


def test_versions_and_pin(tmp_path):
    make_dataset(tmp_path, save=OLD).save(make_network(1))
    run, other_run = make_dataset(tmp_path, save=NEW), make_dataset(tmp_path, save=NEWEST)
    run.save(make_network(2))
    other_run.save(make_network(3))
    run.release()
    assert count_units(run.load()) == 2
    assert count_units(make_dataset(tmp_path).load()) == 3
    assert count_units(make_dataset(tmp_path, load=OLD).load()) == 1


def test_a_full_disk_leaves_nothing_and_the_next_save_works(tmp_path, full_disk):
    dataset = make_dataset(tmp_path, save=OLD)
    with full_disk(), pytest.raises(DatasetError, match="File too large"):
        dataset.save(make_network(100))
    assert list(tmp_path.iterdir()) == []
    dataset.save(make_network(100))
    assert count_units(dataset.load()) == 100


@pytest.fixture
def code():
    """A layer that runs Python code, and says so when it does."""
    ran = []

    def run(x):
        ran.append(True)
        return x

    return [keras.layers.Lambda(lambda x: run(x), output_shape=(4,), name="sly")], ran


def test_a_lambda_layer_is_not_saved(tmp_path, code):
    with pytest.raises(DatasetError, match=r"This network .* holds .*: None\.__lambda__, .*, keras\.layers\.Lambda"):
        make_dataset(tmp_path, save=OLD).save(make_network(extra=code[0]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe mode", "safe mode turned off elsewhere"])
def test_a_lambda_layer_is_not_loaded(tmp_path, code, unsafe):
    path = tmp_path / "network.keras"
    save_signed(make_network(extra=code[0]), path)
    code[1].clear()
    with (
        SafeModeScope(not unsafe),
        pytest.raises(DatasetError, match=r"network\.keras is not .*, keras\.layers\.Lambda .*Make it again"),
    ):
        KerasModel(filepath=str(path)).load()
    assert code[1] == []


def test_a_layer_of_named_functions_is_refused_too(tmp_path):
    path = tmp_path / "network.keras"
    save_signed(make_network(extra=[keras.layers.Lambda(keras.ops.relu, name="named")]), path)
    with pytest.raises(DatasetError, match=r"keras\.layers\.Lambda"):
        KerasModel(filepath=str(path)).load()


@pytest.mark.parametrize(
    ("module", "class_name"),
    [
        ("subprocess", "Popen"),
        ("keras", "layers.Lambda"),
        ("keras.src.layers.core.lambda_layer", "Lambda"),
        ("keras.layers", "TFSMLayer"),
        (None, "Dense"),
    ],
)
def test_classes_that_no_network_here_uses_are_refused(tmp_path, module, class_name):
    path = tmp_path / "network.keras"
    make_network().save(path)
    change_config(path, lambda config: config["config"]["layers"][-1].update(module=module, class_name=class_name))
    with pytest.raises(DatasetError, match=rf"made of: {module}\.{class_name}") as refused:
        KerasModel(filepath=str(path)).load()
    assert "safe_mode" not in str(refused.value)


@pytest.mark.parametrize("key", ["units", "groups"])
def test_descriptions_that_would_fill_the_memory_are_refused(tmp_path, key):
    path = tmp_path / "network.keras"
    make_network().save(path)

    def enlarge(node):
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            if name == key:
                node[name] = 10**9
            elif isinstance(value, dict | list):
                enlarge(value)

    change_config(path, enlarge)
    with pytest.raises(EntryRefused, match=rf"{key}=1000000000"):
        KerasModel(filepath=str(path)).load()


@pytest.mark.parametrize("kind", ["packed", "elsewhere", "soft link", "not finite"])
def test_weights_that_are_not_in_the_file_or_no_numbers_are_refused(tmp_path, kind):
    path, weights = tmp_path / "network.keras", tmp_path / "weights.h5"
    make_network().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        name = next(name for name in ("layers/dense/vars", "layers/functional/layers/dense/vars") if name in file)
        kernel = file[name]["0"][()]
        del file[name]["0"]
        if kind == "packed":
            file[name].create_dataset("0", shape=(10**5, 10**5), chunks=(100, 100), compression="gzip")
        elif kind == "elsewhere":
            file[name]["0"] = h5py.ExternalLink("/etc/passwd", "0")
        elif kind == "soft link":
            file[name]["0"] = h5py.SoftLink("/")
        else:
            file[name]["0"] = np.full_like(kernel, np.nan)
    members["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    write_digest(path)
    message = {"packed": "unpack to more", "not finite": "not finite"}.get(kind, "lie in another file")
    with pytest.raises(EntryRefused, match=message):
        KerasModel(filepath=str(path)).load()


@pytest.mark.slow
def test_a_changed_description_is_refused_or_makes_a_network_that_predicts(tmp_path):
    """No other error, no crash, and no word of Keras' advice to switch its safe mode off."""
    path, chance, refused = tmp_path / "network.keras", np.random.default_rng(3), 0
    make_network().save(path)
    whole = path.read_bytes()
    others = [None, 0, -1, 10**9, 1e300, "", "relu", "Lambda", "keras.layers", [], {}, ["Dense"], True]

    def change(node):
        for _ in range(chance.integers(2, 9)):
            places = [
                key
                for key, value in (node.items() if isinstance(node, dict) else enumerate(node))
                if isinstance(value, dict | list) and value
            ]
            if not places:
                break
            node = node[places[chance.integers(len(places))]]
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        node[keys[chance.integers(len(keys))]] = others[chance.integers(len(others))]

    for _ in range(40):
        path.write_bytes(whole)
        change_config(path, change)
        try:
            network = KerasModel(filepath=str(path)).load()
        except EntryRefused as error:
            refused += 1
            text = str(error)
            if "safe_mode" in text or "unsafe" in text:
                pytest.fail(text)
        else:
            network.predict_on_batch(np.zeros((1, *network.input_shape[1:])))
    assert 8 < refused < 40


@pytest.mark.parametrize("content", ["text", "empty", "cut", "damaged", "zip"])
def test_what_is_no_network_is_reported(tmp_path, content):
    path = tmp_path / "network.keras"
    make_network(50).save(path)
    whole = path.read_bytes()
    if content == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "nonsense")
        write_digest(path)
    else:
        middle = len(whole) // 2
        path.write_bytes(
            {
                "text": b"not a network",
                "empty": b"",
                "cut": whole[:middle],
                "damaged": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            }[content]
        )
        write_digest(path)
    with pytest.raises(DatasetError, match="not a network that can be used"):
        KerasModel(filepath=str(path)).load()


def test_other_storage_and_other_endings_are_refused():
    with pytest.raises(DatasetError, match="local files, not under s3://"):
        KerasModel(filepath="s3://bucket/network.keras")
    with pytest.raises(DatasetError, match=r"names end in \.keras only"):
        KerasModel(filepath="network.h5")
