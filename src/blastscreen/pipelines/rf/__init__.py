"""Pipeline `rf`."""

from blastscreen.pipelines.rf.pipeline import create_pipeline

__all__ = ["create_pipeline"]
