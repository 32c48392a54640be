"""Catalog entries of the project; each class is imported when it is first used, with what it needs."""

import lazy_loader  # type: ignore[import-untyped]

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "array_stack": ["ArrayStack"],
        "cell_image_folder": ["CellImageFolder"],
        "charts": ["AtomicPlotly"],
        "checkpoint": ["TrainingCheckpoint"],
        "documents": ["AtomicJSON", "AtomicText"],
        "figures": ["AtomicFigure"],
        "keras_model": ["KerasModel"],
        "manifests": ["RunManifests"],
        "part_folder": ["PartFolder"],
        "sample_cells": ["SampleCells"],
        "skops_model": ["SkopsModel"],
        "stock": ["AtomicCSV", "AtomicParquet"],
    },
)
