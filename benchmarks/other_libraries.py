"""What PyRadiomics and mahotas measure of a cell's own pixels, where they are installed; the project needs neither."""

import logging
import math
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Measure = Callable[[NDArray[np.uint8], NDArray[np.bool_]], dict[str, float]]

SHARED = {
    # its energy is of the mean of the angles, not the mean of each angle's root
    "PyRadiomics": (
        "glcm_contrast",
        "glcm_dissimilarity",
        "glcm_homogeneity",
        "glcm_correlation",
        "intensity_mean",
        "intensity_std",
        "intensity_skewness",
    ),
    "mahotas": ("glcm_contrast", "glcm_homogeneity", "glcm_energy", "glcm_correlation"),
}
"""The features that each library has, too."""


def find_libraries() -> dict[str, Measure]:
    """Give a function of (grey, mask) for each library that is installed."""
    makers = {"PyRadiomics": ("radiomics", _pyradiomics), "mahotas": ("mahotas", _mahotas)}
    return {name: make() for name, (module, make) in makers.items() if find_spec(module)}


def _mahotas() -> Measure:
    from mahotas.features.texture import haralick

    def measure(grey: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, float]:
        # It knows no mask, but passes over level 0; the real cells hold none.
        by_angle = haralick(grey * mask, ignore_zeros=True)
        return {
            "glcm_contrast": by_angle[:, 1].mean(),
            "glcm_homogeneity": by_angle[:, 4].mean(),
            "glcm_energy": np.sqrt(by_angle[:, 0]).mean(),
            "glcm_correlation": by_angle[:, 2].mean(),
        }

    return measure


def _pyradiomics() -> Measure:
    import SimpleITK as sitk
    from radiomics.firstorder import RadiomicsFirstOrder
    from radiomics.glcm import RadiomicsGLCM

    logging.getLogger("radiomics").setLevel(logging.ERROR)
    options = {"binWidth": 1, "distances": [1], "symmetricalGLCM": True, "force2D": True, "force2Ddimension": 0}
    names = {
        RadiomicsGLCM: ("Contrast", "DifferenceAverage", "Idm", "Correlation"),
        RadiomicsFirstOrder: ("Mean", "Variance", "Skewness"),
    }

    def measure(grey: NDArray[np.uint8], mask: NDArray[np.bool_]) -> dict[str, float]:
        image, inside = (sitk.GetImageFromArray(array[np.newaxis].astype(np.uint8)) for array in (grey, mask))
        values: dict[str, float] = {}
        for kind, wanted in names.items():
            extractor = kind(image, inside, **options)
            for name in wanted:
                extractor.enableFeatureByName(name)
            values |= {name: float(value) for name, value in extractor.execute().items()}
        return {
            "glcm_contrast": values["Contrast"],
            "glcm_dissimilarity": values["DifferenceAverage"],
            "glcm_homogeneity": values["Idm"],
            "glcm_correlation": values["Correlation"],
            "intensity_mean": values["Mean"],
            "intensity_std": math.sqrt(values["Variance"]),
            "intensity_skewness": values["Skewness"],
        }

    return measure
