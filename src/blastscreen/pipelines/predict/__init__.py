"""Pipeline `predict`."""

from blastscreen.pipelines.predict.pipeline import SCORED_MODELS, create_pipeline

__all__ = ["SCORED_MODELS", "create_pipeline"]
