"""What must not change the features of a cell, and what must."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.features import FEATURES
from blastscreen.features.measurement import feature_names, measure_cell
from blastscreen.parameters import FeatureParameters
from blastscreen.vocabulary import Region

SYMMETRIES = [
    lambda image, turns=turns, flip=flip: np.rot90(image[:, ::-1] if flip else image, turns)
    for turns in range(4)
    for flip in (False, True)
][1:]


@st.composite
def cells(draw):
    """A grainy blob of random outline that fills its frame; black outside."""
    height, width = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    mask = rows**2 + columns**2 + rng.normal(0, 0.1, (height, width)) <= draw(st.sampled_from([0.6, 1.0, 3.0]))
    grain = rng.integers(1, draw(st.sampled_from([2, 60, 200])), (height, width), dtype=np.uint8)
    grey = cv2.GaussianBlur(grain, (3, 3), 0) if draw(st.booleans()) else grain
    return grey * mask, mask


modes = st.builds(
    FeatureParameters,
    groups=st.just(tuple(FEATURES)),
    region=st.just(Region.CELL),
    gaussian_blur=st.booleans(),
    canny_low=st.just(20),
    canny_high=st.just(60),
    rim_width=st.integers(1, 4),
)
law = settings(deadline=None, max_examples=60)


def measured(grey, mask, mode):
    return measure_cell(np.dstack([grey] * 3), mask, settings=mode)


def names_of(*groups, but=()):
    mode = FeatureParameters(
        groups=groups, region=Region.CELL, gaussian_blur=False, canny_low=1, canny_high=1, rim_width=1
    )
    return [name for name in feature_names(mode) if name not in but]


def assert_same(one, other, names=None, tolerance=0.0):
    for name in names or one:
        np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)


@law
@given(cells(), modes, st.tuples(*[st.integers(0, 5)] * 4))
def test_more_background_changes_nothing(cell, mode, margins):
    top, bottom, left, right = margins
    wider = [np.pad(image, ((top, bottom), (left, right))) for image in cell]
    assert_same(measured(*cell, mode), measured(*wider, mode))


@law
@given(cells(), modes, st.integers(-5, 5), st.integers(-5, 5))
def test_translation_changes_nothing(cell, mode, down, right):
    framed = [np.pad(image, 5) for image in cell]
    moved = [np.roll(image, (down, right), axis=(0, 1)) for image in framed]
    assert_same(measured(*framed, mode), measured(*moved, mode))


@law
@given(cells(), modes, st.integers(0, 2**32))
def test_the_background_itself_is_not_seen(cell, mode, seed):
    grey, mask = (np.pad(image, 2) for image in cell)
    noise = np.random.default_rng(seed).integers(0, 256, grey.shape, dtype=np.uint8)
    assert_same(measured(grey, mask, mode), measured(np.where(mask, grey, noise), mask, mode))


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@settings(deadline=None, max_examples=15)
@given(cell=cells(), mode=modes)
def test_a_cell_has_no_orientation(symmetry, cell, mode):
    upright = measured(*cell, mode)
    turned = measured(*(symmetry(image) for image in cell), mode)
    assert_same(upright, turned, names_of("shape", "intensity"))
    assert_same(upright, turned, names_of(*FEATURES, but=["edge_density"]), tolerance=1e-9)


@law
@given(cells(), modes, st.integers(1, 55))
def test_brighter_light_changes_the_mean_alone(cell, mode, light):
    grey, mask = cell
    dark, bright = measured(grey, mask, mode), measured(grey + np.uint8(light) * mask, mask, mode)
    assert_same(dark, bright, names_of("texture", "edges", "shape"))
    assert_same(dark, bright, ("intensity_std", "intensity_skewness"), tolerance=1e-9)
    assert bright["intensity_mean"] == pytest.approx(dark["intensity_mean"] + light, nan_ok=True)


@law
@given(cells(), modes.filter(lambda mode: not mode.gaussian_blur))
def test_a_negative_mirrors_the_grey_levels_alone(cell, mode):
    grey, mask = cell
    positive, negative = measured(grey, mask, mode), measured(255 - grey, mask, mode)
    assert_same(positive, negative, [*names_of("shape"), "intensity_std"])
    assert_same(positive, negative, [*names_of("texture"), "sobel_mean"], tolerance=1e-9)
    assert negative["intensity_mean"] == pytest.approx(255 - positive["intensity_mean"], nan_ok=True)
    assert negative["intensity_skewness"] == pytest.approx(-positive["intensity_skewness"], nan_ok=True, abs=1e-12)


def test_more_background_changes_all_of_the_frame_but_the_shape():
    rng = np.random.default_rng(7)
    grey = np.pad(rng.integers(50, 200, (30, 30), dtype=np.uint8), 3)
    wider = np.pad(grey, 30)
    seen = ("shape", "texture", "intensity", "edges")
    mode = FeatureParameters(
        groups=seen, region=Region.FRAME, gaussian_blur=False, canny_low=100, canny_high=200, rim_width=3
    )
    narrow, wide = measured(grey, grey > 0, mode), measured(wider, wider > 0, mode)
    assert_same(narrow, wide, names_of("shape"))
    for name in names_of(*seen[1:]):
        assert narrow[name] != pytest.approx(wide[name], rel=1e-2), name
    assert wide["glcm_energy"] > narrow["glcm_energy"]
    assert wide["glcm_homogeneity"] > narrow["glcm_homogeneity"]
