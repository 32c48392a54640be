"""The paper's 15 features with the libraries that it names, on the whole frame: slow, and an independent check."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew
from skimage.feature import graycomatrix, graycoprops
from skimage.filters import sobel

CANNY_LOW, CANNY_HIGH = 100, 200
_ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_TEXTURES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")


def measure_file(data: bytes) -> NDArray[np.float64]:
    """Measure the features (15,) of a picture from the bytes of its file."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return np.array([*measure_shape(grey), *measure_texture(grey), *measure_intensity(grey), *measure_edges(grey)])


def measure_shape(grey: NDArray[np.uint8]) -> tuple[float, ...]:
    """Measure area, perimeter, circularity, solidity and aspect ratio from the largest contour."""
    _, bright = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    filled = cv2.drawContours(np.zeros_like(grey), [contour], -1, 1, cv2.FILLED)
    area, perimeter = cv2.countNonZero(filled), cv2.arcLength(contour, True)
    corners = np.concatenate([contour + offset for offset in ([0, 0], [0, 1], [1, 0], [1, 1])])
    hull_area = cv2.contourArea(cv2.convexHull(corners.astype(np.int32)))
    moments = cv2.moments(filled, binaryImage=True)
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    minor, major = np.linalg.eigvalsh(spread)
    circularity = min(4 * math.pi * area / perimeter**2, 1.0)
    return area, perimeter, circularity, area / hull_area, math.sqrt(major / minor)


def measure_texture(grey: NDArray[np.uint8]) -> list[float]:
    """Measure the five properties of the co-occurrence matrix, averaged over four angles."""
    matrices = graycomatrix(grey, [1], _ANGLES, levels=256, symmetric=True, normed=True)
    return [graycoprops(matrices, name).mean() for name in _TEXTURES]


def measure_intensity(grey: NDArray[np.uint8]) -> tuple[float, ...]:
    """Measure mean, standard deviation and skewness."""
    return grey.mean(), grey.std(), skew(grey, axis=None)


def measure_edges(grey: NDArray[np.uint8]) -> tuple[float, ...]:
    """Measure the share of Canny's edges and the mean Sobel gradient."""
    edges = cv2.Canny(grey, CANNY_LOW, CANNY_HIGH)
    return np.count_nonzero(edges) / edges.size, sobel(grey).mean()
