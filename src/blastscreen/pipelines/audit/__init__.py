"""Pipeline `audit`."""

from blastscreen.pipelines.audit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
