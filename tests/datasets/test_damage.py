"""Damage to what is stored is told by the clear error, or changes nothing: never other values, never another error."""

import hashlib
import shutil
from pathlib import Path
from typing import ClassVar

import fsspec
import numpy as np
import pandas as pd
import pytest
import yaml
from fsspec.implementations.memory import MemoryFileSystem
from kedro.io.core import Version
from sklearn.ensemble import RandomForestClassifier

from blastscreen.datasets import (
    ArrayStack,
    AtomicCSV,
    AtomicJSON,
    AtomicParquet,
    AtomicPlotly,
    AtomicText,
    PartFolder,
    SkopsModel,
    TrainingCheckpoint,
)
from blastscreen.datasets.whole_files import EntryRefused
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.checkpoints import Checkpoint
from blastscreen.vocabulary import Refusal

OLD, NEW = "2024-01-01T00.00.00.000Z", "2025-01-01T00.00.00.000Z"
rng = np.random.default_rng(0)
TABLE = pd.DataFrame({"image_id": [f"UID_{n}_all.bmp" for n in range(20)], "skewness": rng.normal(size=20)})
PIXELS = rng.integers(0, 4, (10, 12, 12, 3), dtype=np.uint8)
STACK = CellStack(image_ids=[f"UID_{n}.bmp" for n in range(10)], side=12, read=lambda i, j: PIXELS[i:j], origin="a")
FOREST = RandomForestClassifier(2, max_depth=3, random_state=0).fit(rng.normal(size=(60, 3)), ["all", "hem"] * 30)
CHECKPOINT = Checkpoint(origin={}, epoch=3, network=[np.arange(12.0)])


def draw_chart():
    import plotly.graph_objects as go

    return go.Figure(go.Bar(x=["a", "b"], y=[1.5, 2]))


def read_stack(stack):
    return stack.image_ids, stack.origin, stack.read(0, len(stack)).tobytes()


def read_checkpoint(file):
    found = file.read()
    return found and (found.epoch, [array.tobytes() for array in found.network])


class Parts:
    """Kept results, which damage turns into none."""

    def __init__(self, filepath, version):
        self._files = PartFolder(filepath=str(filepath))

    def save(self, result):
        self._files.write("key", result)

    def load(self):
        return self._files.read("key")


class Checkpoints:
    def __init__(self, filepath, version):
        self._dataset = TrainingCheckpoint(filepath=str(filepath))

    def save(self, checkpoint):
        self._dataset.load().write(checkpoint)

    def load(self):
        return self._dataset.load()


# what is saved, and how what is loaded is compared
KINDS = {
    "parquet": (AtomicParquet, TABLE, pd.DataFrame.to_csv),
    "csv": (AtomicCSV, TABLE, pd.DataFrame.to_csv),
    "json": (AtomicJSON, {"auroc": 0.469, "intervals": [0.1, None]}, str),
    "text": (AtomicText, "<p>größer als 10 µm</p>\n" * 5, str),
    "chart": (AtomicPlotly, draw_chart, lambda chart: chart.to_json()),
    "stack": (ArrayStack, STACK, read_stack),
    "forest": (SkopsModel, FOREST, lambda forest: forest.predict_proba(TABLE[["skewness"] * 3].to_numpy()).tolist()),
    "checkpoint": (Checkpoints, CHECKPOINT, read_checkpoint),
    "part": (Parts, TABLE.to_dict("records"), lambda kept: None if kept is None else str(kept)),
}


def open_kind(kind, folder, *, save=None, versioned=True):
    dataset_class, data, compare = KINDS[kind]
    path = folder / "entry"
    filepath = path if dataset_class in (Parts, Checkpoints) else str(path)
    settings = {"chunk": 4} if dataset_class is ArrayStack else {}
    version = Version(None, save) if versioned else None
    return dataset_class(filepath=filepath, version=version, **settings), data() if callable(data) else data, compare


def load(kind, folder):
    """Compare-able content, or None if it was refused as it should be."""
    dataset, _, compare = open_kind(kind, folder)
    try:
        return compare(dataset.load())
    except EntryRefused as refused:
        message = str(refused)
        assert "entry" in message
        assert "Make it again: kedro run --to-outputs=entry" in message or "without cnn.resume=true" in message
        return None


def spoil(content, way):
    """Change a copy of a file: one bit, a block of zeros, or where it ends."""
    content, place = bytearray(content), rng.integers(len(content))
    if way == "bit":
        content[place] ^= 1 << rng.integers(8)
    elif way == "zeros":
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    elif way == "cut":
        del content[place:]
    else:
        content += bytes(rng.integers(1, 9))
    return bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_goes_unnoticed(tmp_path, kind):
    """1,000 and more single bits, cuts and zeros over all kinds and all of their files, digests included."""
    dataset, data, compare = open_kind(kind, tmp_path, save=OLD)
    dataset.save(data)
    expected = load(kind, tmp_path)
    assert expected == compare(dataset.load())
    assert expected is not None
    if kind == "stack":
        dataset.forget_unfinished()
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    told = 0
    for way, count in {"bit": 120, "zeros": 15, "cut": 15, "longer": 5}.items():
        for number in range(count):
            path = sorted(files)[number % len(files)]
            spoiled = spoil(files[path], way)
            path.unlink()
            path.write_bytes(spoiled)
            found = load(kind, tmp_path)
            assert found in (None, expected), f"{way} of {path.name} loads other values"
            told += found is None
            path.write_bytes(files[path])
    assert told > 100
    assert load(kind, tmp_path) == expected


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "text", "chart", "stack", "forest"])
@pytest.mark.parametrize("what", ["a file of another version", "no digest"])
def test_files_of_two_versions_are_not_mixed(tmp_path, kind, what):
    dataset, data, _ = open_kind(kind, tmp_path, save=OLD)
    dataset.save(data)
    other = {
        "json": {"auroc": 1},
        "text": "other",
        "stack": CellStack(image_ids="abc", side=12, read=lambda i, j: PIXELS[i:j]),
    }
    if isinstance(data, pd.DataFrame):
        other[kind] = TABLE[::-1]
    elif kind == "forest":
        other[kind] = RandomForestClassifier(2, random_state=1).fit(rng.normal(size=(60, 3)), ["all", "hem"] * 30)
    elif kind == "chart":
        other[kind] = draw_chart().update_layout(title="other")
    open_kind(kind, tmp_path, save=NEW)[0].save(other[kind])
    of_old, of_new = (sorted(p for p in (tmp_path / "entry" / v).rglob("*") if p.is_file()) for v in (OLD, NEW))
    for old in of_old:
        new = tmp_path / "entry" / NEW / old.relative_to(tmp_path / "entry" / OLD)
        if new not in of_new:
            continue
        content = new.read_bytes()
        if (what == "no digest" and old.suffix == ".sha256") or old.name == "checksums.json":
            new.unlink()
        elif what != "no digest":
            new.write_bytes(old.read_bytes())
        else:
            continue
        assert load(kind, tmp_path) is None, new.name
        new.write_bytes(content)
    assert load(kind, tmp_path) is not None


def test_files_of_cells_that_changed_places_are_told(tmp_path):
    dataset = open_kind("stack", tmp_path, save=OLD)[0]
    dataset.save(STACK)
    folder = tmp_path / "entry" / OLD / "entry"
    first, second = (folder / f"c.{number}.0.0.0" for number in range(2))
    first.rename(folder / "other")
    second.rename(first)
    (folder / "other").rename(second)
    with pytest.raises(Refusal, match="not the files that were saved"):
        dataset.load().read(0, 4)


def test_a_change_by_hand_is_told_and_can_be_kept(tmp_path):
    dataset = open_kind("json", tmp_path, save=OLD)[0]
    dataset.save({"threshold": 0.4})
    path = tmp_path / "entry" / OLD / "entry"
    path.write_text(path.read_text().replace("0.4", "0.5"))
    with pytest.raises(Refusal, match="changed by hand") as refused:
        dataset.load()
    command = str(refused.value).rpartition("as it is: ")[2]
    assert command == f"(cd {path.parent} && sha256sum entry > entry.sha256)"
    # what `sha256sum` would do
    path.with_name("entry.sha256").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  entry\n")
    assert dataset.load() == {"threshold": 0.5}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_digests_are_those_of_sha256sum(tmp_path):
    import subprocess

    open_kind("parquet", tmp_path, save=OLD)[0].save(TABLE)
    done = subprocess.run(
        ["sha256sum", "-c", "entry.sha256"], cwd=tmp_path / "entry" / OLD, text=True, capture_output=True
    )
    assert done.stdout == "entry: OK\n"


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "text", "chart"])
def test_damage_in_an_object_store_is_told(kind):
    fs = fsspec.filesystem("memory")
    dataset_class, data, compare = KINDS[kind]
    filepath = f"memory:///damage/{kind}"
    path = f"/damage/{kind}/{OLD}/{kind}"
    data = data() if callable(data) else data
    dataset_class(filepath=filepath, version=Version(None, OLD)).save(data)
    expected = compare(dataset_class(filepath=filepath, version=Version(None, None)).load())
    files = {name: fs.cat_file(name) for name in (path, f"{path}.sha256")}
    for number in range(40):
        name = sorted(files)[number % 2]
        fs.pipe(files)
        fs.pipe_file(name, spoil(files[name], "bit"))
        try:
            found = compare(dataset_class(filepath=filepath, version=Version(None, None)).load())
        except EntryRefused:
            continue
        assert found == expected
    fs.pipe(files)
    fs.rm_file(f"{path}.sha256")
    with pytest.raises(Refusal, match=rf"memory://{path} has no digest beside it"):
        dataset_class(filepath=filepath, version=Version(None, None)).load()
    fs.rm("/damage", recursive=True)


class RecordingStore(MemoryFileSystem):
    """Remembers the order of uploads."""

    protocol = "recording"
    uploaded: ClassVar[list[str]] = []

    def put_file(self, lpath, rpath, **options):
        super().put_file(lpath, rpath, **options)
        self.uploaded.append(rpath)


def test_in_an_object_store_the_digest_comes_first():
    """What a kill between the two uploads leaves is no version."""
    fsspec.register_implementation("recording", RecordingStore, clobber=True)
    AtomicJSON(filepath="recording:///order.json", version=Version(None, OLD)).save({"a": 1})
    path = f"/order.json/{OLD}/order.json"
    assert RecordingStore.uploaded == [f"{path}.sha256", path]
    fs = fsspec.filesystem("recording")
    fs.rm_file(path)
    assert not AtomicJSON(filepath="recording:///order.json", version=Version(None, None)).exists()
    fs.rm("/order.json", recursive=True)


def test_unversioned_files_survive_a_kill_between_digest_and_file(tmp_path):
    """The digest is replaced first and names the old file, too."""
    dataset = open_kind("json", tmp_path, versioned=False)[0]
    dataset.save({"run": 1})
    old = (tmp_path / "entry").read_bytes()
    dataset.save({"run": 2})
    assert dataset.load() == {"run": 2}
    (tmp_path / "entry").write_bytes(old)  # as if the second file had never come
    assert dataset.load() == {"run": 1}
    dataset.save({"run": 3})
    assert dataset.load() == {"run": 3}


def test_the_file_of_an_entry_has_its_name(repository):
    """The advice to make an entry again names it after its file."""
    entries = {}
    for path in (repository / "conf").glob("*/catalog*/**/*.yml"):
        entries |= yaml.safe_load(path.read_text())
    stored = {name: entry["filepath"] for name, entry in entries.items() if entry.get("versioned")}
    assert len(stored) > 30
    assert {name: Path(path).name.split(".")[0] for name, path in stored.items()} == {name: name for name in stored} | {
        "run_manifests": "run_manifest"
    }
