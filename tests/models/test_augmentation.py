"""Augmentation moves pixels and nothing else, and an epoch follows from the seed and its number."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from blastscreen.models.augmentation import augment_cells, training_dataset, validation_dataset
from blastscreen.models.cell_batches import gather_cells

STILL = {"rotation_degrees": 0, "shift_fraction": 0, "horizontal_flip": False, "vertical_flip": False}
SEED = tf.constant([3, 4], tf.int64)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).uniform(1, 255, (21, 21, 3)).astype(np.float32)


def augmented(image, settings, *, n_cells=64):
    return augment_cells(tf.constant(np.stack([image] * n_cells)), SEED, settings=settings).numpy()


def kinds(images, *candidates):
    """How often each candidate occurs; every image must be one of them."""
    found = [[np.allclose(image, candidate, atol=0.01) for candidate in candidates] for image in images]
    assert np.sum(found, axis=1).tolist() == [1] * len(images)
    return np.sum(found, axis=0)


def test_nothing_to_do_changes_nothing(image, cnn_settings):
    assert kinds(augmented(image, cnn_settings(**STILL)), image) == [64]


@pytest.mark.parametrize(("flip", "axis"), [("horizontal_flip", 1), ("vertical_flip", 0)])
def test_a_flip_mirrors_about_half_of_the_cells(image, cnn_settings, flip, axis):
    counts = kinds(augmented(image, cnn_settings(**STILL | {flip: True})), image, np.flip(image, axis))
    assert counts.min() >= 20


def test_both_flips_are_independent(image, cnn_settings):
    flips = {"horizontal_flip": True, "vertical_flip": True}
    both = (image, image[::-1], image[:, ::-1], image[::-1, ::-1])
    assert kinds(augmented(image, cnn_settings(**STILL | flips)), *both).min() >= 5


def test_rotation_is_that_of_opencv_for_some_angle_within_the_limit(cnn_settings):
    image = np.zeros((41, 41, 3), np.float32)
    image[10:31, 10:14] = image[10:14, 10:24] = 200
    turned = augmented(image, cnn_settings(**STILL | {"rotation_degrees": 20}), n_cells=24)
    angles = np.arange(-30, 30.01, 0.25)
    matrices = [cv2.getRotationMatrix2D((20, 20), angle, 1) for angle in angles]
    candidates = np.stack([cv2.warpAffine(image, matrix, (41, 41)) for matrix in matrices])
    errors = np.abs(turned[:, np.newaxis] - candidates).mean(axis=(2, 3, 4))
    assert errors.min(axis=1).max() < 0.6
    best = angles[errors.argmin(axis=1)]
    assert np.abs(best).max() <= 20.25
    assert best.min() < -10
    assert best.max() > 10


def test_any_angle_turns_a_mark_all_the_way_round(cnn_settings):
    image = np.zeros((41, 41, 3), np.float32)
    image[18:23, 33:38] = 255
    turned = augmented(image, cnn_settings(**STILL | {"rotation_degrees": 180}))[..., 0]
    rows, columns = np.mgrid[:41, :41] - 20
    mass = turned.sum(axis=(1, 2))
    x, y = (turned * columns).sum(axis=(1, 2)) / mass, (turned * rows).sum(axis=(1, 2)) / mass
    np.testing.assert_allclose(np.hypot(x, y), 15, atol=0.3)
    np.testing.assert_allclose(mass, image[..., 0].sum(), rtol=0.05)
    assert np.all(np.histogram(np.arctan2(y, x), bins=8, range=(-np.pi, np.pi))[0] > 0)


def test_a_shift_moves_by_up_to_its_limit_and_fills_with_black(cnn_settings):
    white = np.full((40, 40, 3), 255, np.float32)
    shifted = augmented(white, cnn_settings(**STILL | {"shift_fraction": 0.1}))
    black_columns = (shifted[:, 20, :, 0] == 0).sum(axis=1)
    black_rows = (shifted[:, :, 20, 0] == 0).sum(axis=1)
    for black in (black_columns, black_rows):
        assert black.max() == 3
        assert black.min() == 0


def epochs(cells, settings, *numbers):
    now = {}
    dataset = training_dataset(cells, epoch=lambda: now["epoch"], settings=settings)
    results = []
    for number in numbers:
        now["epoch"] = number
        batches = list(dataset.as_numpy_iterator())
        assert len(batches) == dataset.cardinality() == len(cells)
        results.append(np.concatenate([pixels for pixels, _ in batches]))
    return results


@pytest.mark.parametrize("budget", [2048, 1])
def test_an_epoch_follows_from_seed_and_number(toy_cells, cnn_settings, compute, budget):
    settings = cnn_settings(memory_budget_mib=budget, input_side=64)
    train, _ = gather_cells(*toy_cells(130), settings=settings, compute=compute)
    assert (train.pixels is None) == (budget == 1)
    second, third, again = epochs(train, settings, 2, 3, 2)
    np.testing.assert_array_equal(second, again)
    assert not np.array_equal(second, third)
    (alone,) = epochs(train, settings, 3)
    np.testing.assert_array_equal(third, alone)
    (other,) = epochs(train, settings.model_copy(update={"seed": 6}), 2)
    assert not np.array_equal(second, other)


def test_validation_cells_come_as_they_are(toy_cells, cnn_settings, compute):
    _, validation = gather_cells(*toy_cells(), settings=cnn_settings(), compute=compute)
    batches = list(validation_dataset(validation).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([pixels for pixels, _ in batches]), validation.pixels)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches])[:, 0], validation.is_blast)
