"""Training repeats itself bit by bit, also after an interruption, and its claims hold at inference."""

import copy
import logging
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from blastscreen.compute.environment import describe_runtime
from blastscreen.models.cell_batches import gather_cells, resize_cells
from blastscreen.models.checkpoints import CheckpointMismatch, hash_weights
from blastscreen.models.network import build_network, compile_network
from blastscreen.models.prediction import predict_images, predict_probabilities
from blastscreen.models.training import balance_classes, fit_networks, peak_memory_mib
from blastscreen.schemas import HISTORY, PREDICTIONS

pytestmark = pytest.mark.slow


class Store:
    """Keeps the checkpoint in memory; interrupts training after some of those that are written."""

    def __init__(self, *stops):
        self.checkpoint = None
        self.n_written = 0
        self.stops = stops

    def read(self):
        return self.checkpoint

    def write(self, checkpoint):
        self.checkpoint = copy.deepcopy(checkpoint)
        self.n_written += 1
        if self.n_written in self.stops:
            raise KeyboardInterrupt

    def clear(self):
        self.checkpoint = None


@pytest.fixture(scope="module")
def trained(toy_cells, compute):
    """Train on the toy cells; give the hash of the weights, and the history."""

    def train(settings, store=None, *, n_cells=60):
        cells = gather_cells(*toy_cells(n_cells), settings=settings, compute=compute)
        network, history = fit_networks(*cells, settings=settings, checkpoints=store or Store())
        HISTORY.validate(history)
        return hash_weights(network.get_weights()), history

    return train


@pytest.fixture(scope="module")
def pair_settings(cnn_settings):
    """Settings of two networks of two epochs each."""
    return lambda **changes: cnn_settings(n_networks=2, epochs=2, **changes)


@pytest.fixture(scope="module")
def pair(trained, pair_settings):
    """Train the pair without interruption; its weights, history, store and log."""
    lines, store, logger = [], Store(), logging.getLogger("blastscreen")
    handler, level = logging.Handler(), logger.level
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    weights, history = trained(pair_settings(), store)
    logger.removeHandler(handler)
    logger.setLevel(level)
    return SimpleNamespace(weights=weights, history=history, store=store, lines=lines)


def test_another_seed_gives_other_weights(pair):
    first, second = pair.store.checkpoint.finished
    assert pair.history["seed"].unique().tolist() == [5, 6]
    assert hash_weights(first) != hash_weights(second)


def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(trained, pair_settings, pair):
    # checkpoints of two networks of 2 epochs: 1 and 2, the first network's end, 4 and 5, the second's end
    store = Store(2, 3, 4)
    with pytest.raises(KeyboardInterrupt):
        trained(pair_settings(), store)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained(pair_settings(resume=True), store)
    resumed, history = trained(pair_settings(resume=True), store)
    assert resumed == pair.weights
    pd.testing.assert_frame_equal(history, pair.history)
    assert store.n_written == 6


class PressCtrlC:
    """Does so when it is removed, where Python drops what is raised."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("hear_ctrl_c")
def test_ctrl_c_stops_training_also_where_exceptions_are_lost(trained, cnn_settings):
    class PressedStore(Store):
        def write(self, checkpoint):
            super().write(checkpoint)
            PressCtrlC()

    store = PressedStore()
    with pytest.raises(KeyboardInterrupt):
        trained(cnn_settings(), store)
    assert store.checkpoint.epoch == store.n_written == 1


def test_the_paper_network_resumes_exactly_while_it_is_streamed(trained, cnn_settings):
    settings = cnn_settings(env="paper", input_side=64, memory_budget_mib=1, epochs=2)
    whole, _ = trained(settings, n_cells=130)
    store = Store(1)
    with pytest.raises(KeyboardInterrupt):
        trained(settings, store, n_cells=130)
    resumed, _ = trained(settings.model_copy(update={"resume": True}), store, n_cells=130)
    assert resumed == whole


def test_resuming_a_finished_training_gives_its_network_again(trained, pair_settings, pair):
    again, _ = trained(pair_settings(resume=True), pair.store)
    assert again == pair.weights
    assert pair.store.n_written == 6


def test_without_a_checkpoint_resuming_starts_and_without_resuming_an_old_one_is_ignored(trained, cnn_settings, pair):
    fresh, _ = trained(cnn_settings(epochs=1, resume=True))
    store = copy.deepcopy(pair.store)
    again, _ = trained(cnn_settings(epochs=1), store)
    assert fresh == again
    assert len(store.checkpoint.finished) == 1


def test_a_checkpoint_of_other_settings_or_cells_is_refused(trained, pair_settings, pair):
    with pytest.raises(CheckpointMismatch, match="settings batch_size: 16 then, 12 now"):
        trained(pair_settings(batch_size=12, resume=True), pair.store)
    with pytest.raises(CheckpointMismatch, match="cells train"):
        trained(pair_settings(resume=True), pair.store, n_cells=70)
    trained(pair_settings(resume=True, test_time_views=1), pair.store)


def test_training_stops_when_patience_ends_and_keeps_the_best_epoch(toy_cells, compute, cnn_settings):
    settings = cnn_settings(epochs=30, patience=2, learning_rate=0.01)
    train, validation = gather_cells(*toy_cells(), settings=settings, compute=compute)
    network, history = fit_networks(train, validation, settings=settings, checkpoints=Store())
    best = history["validation_loss"].idxmin()
    assert history["kept"].tolist() == [row == best for row in history.index]
    assert len(history) == best + 1 + 2 < 30
    assert history["epoch"].tolist() == list(range(1, len(history) + 1))
    compile_network(network, settings)
    loss = network.evaluate(validation.pixels, validation.is_blast[:, np.newaxis], batch_size=16, verbose=0)[0]
    assert loss == pytest.approx(history.loc[best, "validation_loss"], rel=1e-5)


def test_class_weights_balance_the_classes(toy_cells, compute, cnn_settings):
    stack, splits = toy_cells()
    rare = (splits["label"] == "all") & (splits.index > 20)
    splits.loc[rare, "label"] = "hem"
    train, _ = gather_cells(stack, splits, settings=cnn_settings(), compute=compute)
    # 7 blasts among 36 cells
    assert balance_classes(train) == pytest.approx({0: 36 / (2 * 29), 1: 36 / (2 * 7)})


def test_a_diverging_loss_stops_training_and_names_what_to_lower(trained, cnn_settings):
    store = Store()
    with pytest.raises(ValueError, match=r"training has diverged\. Lower cnn\.learning_rate"):
        trained(cnn_settings(learning_rate=1e30, normalisation="group"), store)
    assert store.n_written <= 1


@pytest.mark.parametrize("env", [None, "paper"])
def test_inference_holds_what_training_claims(toy_cells, compute, cnn_settings, env):
    """After few steps, with the moving statistics of batch normalisation as they are then."""
    settings = cnn_settings(env=env, epochs=12, patience=12)
    train, validation = gather_cells(*toy_cells(160), settings=settings, compute=compute)
    network, history = fit_networks(train, validation, settings=settings, checkpoints=Store())
    claimed = history.loc[history["kept"], "train_auroc"].item()
    scores = predict_probabilities(network, [train.pixels], views=1)
    assert claimed > 0.8
    assert roc_auc_score(train.is_blast, scores) > claimed - 0.05
    assert np.mean((scores >= 0.5) == train.is_blast) > 0.7


def test_memory_does_not_grow_from_epoch_to_epoch(toy_cells, compute, cnn_settings):
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("resident memory is read from /proc, which this system lacks")
    settings = cnn_settings(epochs=30, patience=30, memory_budget_mib=1, input_side=52)
    cells = gather_cells(*toy_cells(180), settings=settings, compute=compute)
    assert cells[0].pixels is None

    class Watching(Store):
        resident: list[int] = []  # noqa: RUF012

        def write(self, checkpoint):
            super().write(checkpoint)
            self.resident.append(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    fit_networks(*cells, settings=settings, checkpoints=Watching())
    growth = np.polyfit(np.arange(15), Watching.resident[15:30], 1)[0]
    # cells that were kept would take 0.9 MB an epoch as bytes and 3.5 MB as floats; the allocator is still settling
    assert growth < 600_000, f"{growth / 1000:.0f} kB an epoch"


def test_the_log_tells_epochs_device_and_memory(pair):
    assert sum("epoch 2 of 2: loss" in line for line in pair.lines) == 2
    assert any("the network runs on 2 threads" in line or "GPU:" in line for line in pair.lines)
    assert any("MiB of the 2048 allowed: held in memory" in line for line in pair.lines)
    peak = next(int(line.split()[-2]) for line in pair.lines if line.startswith("Peak memory of this process"))
    assert 0 < peak <= peak_memory_mib()
    assert f"Weights of the network: {pair.weights}" in pair.lines


@pytest.mark.usefixtures("pair")
def test_the_runtime_is_described():
    runtime = describe_runtime()
    assert runtime["threads"] >= 1
    assert isinstance(runtime["onednn"], bool)


def test_predictions_cover_the_evaluated_cells_under_their_names(toy_cells, cnn_settings):
    stack, splits = toy_cells()
    settings = cnn_settings(test_time_views=1, batch_size=7)
    network = build_network(settings)
    table = predict_images(network, stack, splits.sample(frac=1, random_state=1), settings)
    PREDICTIONS.validate(table)
    evaluated = splits[splits["split"] != "train"]
    assert table["image_id"].tolist() == evaluated["image_id"].tolist()
    assert table["label"].tolist() == evaluated["label"].tolist()
    pixels = resize_cells(np.stack([stack.cell(name) for name in evaluated["image_id"]]), side=32)
    np.testing.assert_allclose(table["blast_probability"], predict_probabilities(network, [pixels], views=1), atol=1e-6)
