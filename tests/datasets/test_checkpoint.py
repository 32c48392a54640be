"""A checkpoint comes back whole, whenever its writer was killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from kedro.io.core import DatasetError

from blastscreen.datasets import TrainingCheckpoint
from blastscreen.datasets.whole_files import write_digest
from blastscreen.models.checkpoints import Checkpoint

ARRAYS = [np.arange(12, dtype=np.float32).reshape(3, 4), np.array(7), np.array([1, 2], np.uint32)]
FULL = Checkpoint(
    origin={"settings": {"epochs": 3}, "cells": {"train": "00ff"}},
    history=[{"seed": 1, "epoch": 1, "train_loss": 0.1 + 0.2, "kept": False}],
    finished=[ARRAYS[:2], ARRAYS[2:]],
    epoch=1,
    network=ARRAYS,
    optimizer=ARRAYS[::-1],
    best=ARRAYS[:1],
    stopping={"wait": 0, "best": 1 / 3, "best_epoch": 0, "stopped": False},
)


@pytest.fixture
def dataset(tmp_path):
    return TrainingCheckpoint(filepath=str(tmp_path / "folder" / "checkpoint.npz"))


def plain(arrays):
    return [(array.dtype, array.shape, array.tolist()) for array in arrays]


@pytest.mark.parametrize("checkpoint", [FULL, Checkpoint(origin={})], ids=["full", "empty"])
def test_everything_comes_back(dataset, checkpoint):
    file = dataset.load()
    file.write(checkpoint)
    found = dataset.load().read()
    for name in ("origin", "history", "epoch", "stopping"):
        assert getattr(found, name) == getattr(checkpoint, name)
    for name in ("network", "optimizer", "best"):
        assert plain(getattr(found, name)) == plain(getattr(checkpoint, name))
    assert [plain(weights) for weights in found.finished] == [plain(weights) for weights in checkpoint.finished]


def test_a_missing_checkpoint_is_none_and_clearing_it_is_fine(dataset):
    file = dataset.load()
    file.clear()
    assert file.read() is None
    assert not dataset.exists()
    file.write(FULL)
    assert dataset.exists()
    file.clear()
    assert file.read() is None


def test_the_last_one_written_is_read(dataset):
    file = dataset.load()
    file.write(FULL)
    file.write(Checkpoint(origin={"second": {}}))
    assert file.read().origin == {"second": {}}


@pytest.mark.parametrize("keep", [0, 30, -40])
def test_a_damaged_file_is_refused(dataset, tmp_path, keep):
    dataset.load().write(FULL)
    path = tmp_path / "folder" / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=r"checkpoint\.npz is not what was saved.*without cnn\.resume=true"):
        dataset.load().read()


def test_flipped_bits_are_refused(dataset, tmp_path):
    dataset.load().write(FULL)
    path = tmp_path / "folder" / "checkpoint.npz"
    content = bytearray(path.read_bytes())
    position = content.index(ARRAYS[0].tobytes()) + 5
    content[position] ^= 255
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="is not what was saved"):
        dataset.load().read()


def test_objects_are_never_unpickled(dataset, tmp_path):
    (tmp_path / "folder").mkdir()
    with (tmp_path / "folder" / "checkpoint.npz").open("wb") as file:
        np.savez(file, description=np.array([{"a": 1}], dtype=object))
    write_digest(tmp_path / "folder" / "checkpoint.npz")
    with pytest.raises(DatasetError, match=r"is no checkpoint \(ValueError: Object arrays cannot be loaded"):
        dataset.load().read()


def test_saving_through_the_catalog_is_refused(dataset):
    with pytest.raises(DatasetError, match="make it an input of the node"):
        dataset.save(FULL)


def test_other_storage_is_refused():
    with pytest.raises(DatasetError, match="local"):
        TrainingCheckpoint(filepath="s3://bucket/checkpoint.npz")


WRITER = """
import sys
import numpy as np
from blastscreen.datasets import TrainingCheckpoint
from blastscreen.models.checkpoints import Checkpoint
file = TrainingCheckpoint(filepath=sys.argv[1]).load()
for epoch in range(1, 10_000):
    file.write(Checkpoint(origin={}, epoch=epoch, network=[np.full((500, 500), epoch)] * 3))
    print(epoch, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_the_last_or_the_next_checkpoint(dataset, tmp_path):
    path = tmp_path / "folder" / "checkpoint.npz"
    left_behind = 0
    for number in range(4):
        dataset.load().clear()
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(3):
                written = int(writer.stdout.readline())
            time.sleep(0.006 * number)
            os.kill(writer.pid, signal.SIGKILL)
            written = max([written, *map(int, writer.stdout.read().split())])
        found = dataset.load().read()
        assert found.epoch in (written, written + 1)
        assert all((array == found.epoch).all() for array in found.network)
        left_behind += len(list(path.parent.glob(".*")))
        dataset.load().write(FULL)
        assert sorted(file.name for file in path.parent.iterdir()) == ["checkpoint.npz", "checkpoint.npz.sha256"]
    assert left_behind, "no kill landed in a save"
