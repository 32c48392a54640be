"""All features of a cell as one vector."""

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.features.edge import measure_edges
from blastscreen.features.intensity import measure_intensity
from blastscreen.features.region import cut_out
from blastscreen.features.shape import shape_features
from blastscreen.features.texture import measure_texture
from blastscreen.imaging.masks import bounding_box
from blastscreen.parameters import FeatureParameters
from blastscreen.vocabulary import Region


def measure_cell(
    grey: NDArray[np.uint8], mask: NDArray[np.bool_], *, settings: FeatureParameters
) -> NDArray[np.float64]:
    """Measure the 15 features of a cell.

    Shape always comes from the mask. Texture, intensity and edges see the cell's own pixels, or the whole frame,
    background included.

    Args:
        grey: (H, W) at native resolution.
        mask: (H, W), True on the cell.
        settings: Region, blur and edge settings.

    Returns:
        (15,) in the order of `FEATURE_NAMES`. What a cell does not define is NaN, and the aspect ratio of a straight
        line of pixels inf: the caller decides what becomes of such a cell.

    Raises:
        ValueError: If the arrays are not a grey image and a mask of one shape.

    Example:
        >>> grey = np.random.default_rng(0).integers(1, 256, (9, 9), dtype=np.uint8)
        >>> settings = FeatureParameters(
        ...     region=Region.CELL, gaussian_blur=False, canny_low=100, canny_high=200, rim_width=2
        ... )
        >>> measure_cell(grey, grey > 0, settings=settings)[:4].round(3)
        array([81.   , 32.   ,  0.994,  1.   ])
    """
    _require_cell(grey, mask)
    if settings.region == Region.CELL:
        cutout = cut_out(grey, mask)
        cell = cutout.inside.view(np.bool_)
        if settings.gaussian_blur:
            cutout = cutout._replace(grey=gaussian_blur(cutout.grey, cell))
    else:
        cell = mask[bounding_box(mask, margin=0)]
        cutout = cut_out(gaussian_blur(grey, None) if settings.gaussian_blur else grey, None)
    edges = measure_edges(
        cutout, canny_low=settings.canny_low, canny_high=settings.canny_high, rim_width=settings.rim_width
    )
    return np.array([*shape_features(cell), *measure_texture(cutout), *measure_intensity(cutout), *edges])


def gaussian_blur(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Smooth an image with a 3x3 Gaussian kernel.

    Args:
        grey: (H, W).
        mask: (H, W): each pixel of the mask becomes the weighted average of those of its neighbours that are in the
            mask, so that the background neither darkens the rim nor counts at all (normalised convolution, Knutsson
            and Westin 1993); pixels outside become 0. None for the whole frame, as `cv2.GaussianBlur`.

    Returns:
        (H, W), rounded half up.

    Example:
        >>> row = np.array([[0, 80, 80, 40]], dtype=np.uint8)
        >>> gaussian_blur(row, None)
        array([[40, 60, 70, 60]], dtype=uint8)
        >>> gaussian_blur(row, row > 0)
        array([[ 0, 80, 70, 53]], dtype=uint8)
    """
    if mask is None:
        return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), dtype=np.uint8)
    inside = mask.view(np.uint8)
    weights = _sum_neighbours(inside)
    average = _sum_neighbours(grey * inside) / np.maximum(weights, 1)
    return np.floor(average + 0.5).astype(np.uint8) * inside


def _sum_neighbours(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    kernel = np.array([1, 2, 1], dtype=np.float32)
    total = cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total, dtype=np.float32)


def _require_cell(grey: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    if grey.dtype != np.uint8 or mask.dtype != np.bool_ or grey.ndim != 2 or grey.shape != mask.shape or not grey.size:
        raise ValueError(
            "expected a grey image (H, W) of uint8 and a mask of the same shape of bool, "
            f"got {grey.shape} of {grey.dtype} and {mask.shape} of {mask.dtype}"
        )
