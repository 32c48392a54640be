"""Pipeline `hybrid`."""

from blastscreen.pipelines.hybrid.pipeline import create_pipeline

__all__ = ["create_pipeline"]
