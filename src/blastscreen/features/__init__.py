"""The 15 features of a cell, each a pure function of (grey, mask)."""

from blastscreen.features.edge import EdgeFeatures, edge_features
from blastscreen.features.intensity import IntensityFeatures, intensity_features
from blastscreen.features.shape import ShapeFeatures, shape_features
from blastscreen.features.texture import TextureFeatures, texture_features
from blastscreen.features.vector import gaussian_blur, measure_cell

__all__ = [
    "EdgeFeatures",
    "IntensityFeatures",
    "ShapeFeatures",
    "TextureFeatures",
    "edge_features",
    "gaussian_blur",
    "intensity_features",
    "measure_cell",
    "shape_features",
    "texture_features",
]
