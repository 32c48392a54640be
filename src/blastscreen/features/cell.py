"""What a group of features sees of a cell."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.masks import bounding_box, to_grey
from blastscreen.parameters import FeatureParameters
from blastscreen.vocabulary import Region


@dataclass(frozen=True)
class Cell:
    """A cell, or everything of a frame that is not black, cut out once for all groups of features.

    Attributes:
        rgb: (h, w, 3), neither masked nor smoothed.
        grey: (h, w), contiguous; smoothed where the settings ask for it.
        mask: (h, w), contiguous; 1 on the cell, else 0.
        seen: (h, w), contiguous; 1 where a pixel is seen (the mask, or everywhere), else 0.
        frame: (H, W) of the frame whose remaining pixels, all black, are seen too. None where no more is seen.
    """

    rgb: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    seen: NDArray[np.uint8]
    frame: tuple[int, int] | None
    settings: FeatureParameters


def cut_out(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], *, settings: FeatureParameters) -> Cell:
    """Cut a cell out of its picture (H, W, 3), RGB at native resolution, with its mask (H, W).

    In the region `frame`, the cut leaves a margin of one black pixel, so that every edge and every pair of two grey
    levels is in it.
    """
    if pixels.dtype != np.uint8 or mask.dtype != np.bool_ or pixels.shape != (*mask.shape, 3) or not mask.size:
        raise ValueError(
            "expected a picture (H, W, 3) of uint8 and a mask (H, W) of bool, "
            f"got {pixels.shape} of {pixels.dtype} and {mask.shape} of {mask.dtype}"
        )
    grey = to_grey(pixels)
    if settings.region == Region.CELL:
        box = bounding_box(mask, margin=0)
        inside, own = np.ascontiguousarray(mask[box]).view(np.uint8), np.ascontiguousarray(grey[box])
        own = blur_within(own, inside) if settings.gaussian_blur else own
        return Cell(pixels[box], own, inside, inside, None, settings)
    if settings.gaussian_blur:
        grey = np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), dtype=np.uint8)
    box = bounding_box(grey | mask.view(np.uint8), margin=1)
    inside = np.ascontiguousarray(mask[box]).view(np.uint8)
    height, width = grey.shape
    return Cell(pixels[box], np.ascontiguousarray(grey[box]), inside, np.ones_like(inside), (height, width), settings)


def blur_within(grey: NDArray[np.uint8], inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Smooth an image (H, W) with a 3x3 Gaussian kernel where `inside` (H, W) is 1; it is 0 elsewhere.

    Each pixel inside becomes the weighted average of those of its neighbours that are inside, rounded half up, so that
    the background does not darken the rim (normalised convolution, Knutsson and Westin 1993).
    """
    average = _sum_neighbours(grey * inside) / np.maximum(_sum_neighbours(inside), 1)
    return np.floor(average + 0.5).astype(np.uint8) * inside


def _sum_neighbours(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    kernel = np.array([1, 2, 1], dtype=np.float32)
    total = cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total, dtype=np.float32)
