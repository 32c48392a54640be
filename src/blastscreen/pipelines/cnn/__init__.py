"""Pipeline `cnn`."""

from blastscreen.pipelines.cnn.pipeline import create_pipeline

__all__ = ["create_pipeline"]
