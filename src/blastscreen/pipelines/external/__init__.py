"""Pipeline `external`."""

from blastscreen.pipelines.external.pipeline import create_pipeline

__all__ = ["create_pipeline"]
