"""The pipelines that `kedro run` knows by name."""

from collections.abc import Iterable

from kedro.pipeline import Pipeline

from blastscreen.models import MODELS, ModelKind
from blastscreen.pipelines import (
    assessment,
    audit,
    feature_engineering,
    modelling,
    predict,
    preprocessing,
    reporting,
)

SLOW_NODES = (
    "cnn.train_network",
    "audit.measure_other_region",
    "audit.audit_protocols",
    "audit.audit_imbalance",
)
"""Nodes that a first look can do without: they, and all that follows from them, are tagged slow, all others fast."""


def register_pipelines() -> dict[str, Pipeline]:
    """Compose the registered pipelines.

    Returns:
        One pipeline per name. A model's pipeline holds all it needs upstream and its own evaluation, that of `hybrid`
        the two models that it joins; `reporting` reads stored results only, `predict` and `external` stored models.
        A model that is not run by default has `predict_<model>` and `external_<model>`.
    """
    images = preprocessing.create_pipeline()
    features = images + feature_engineering.create_pipeline()
    models: dict[str, Pipeline] = {}
    for name, model in MODELS.items():
        upstream = images if model.kind == ModelKind.NETWORK else features
        needed = sum((models[member] for member in model.members), upstream)
        models[name] = needed + modelling.create_pipeline(name) + assessment.create_pipeline(name)
    default = [name for name, model in MODELS.items() if model.by_default]
    protocols = features + audit.create_pipeline()
    registered = {
        "preprocessing": images,
        "feature_engineering": features,
        **models,
        "audit": protocols,
        "reporting": reporting.create_pipeline(default),
        **_predict(features, default),
        "every_model": sum(models.values(), protocols + reporting.create_pipeline(MODELS)),
        "__default__": sum((models[name] for name in default), protocols + reporting.create_pipeline(default)),
    }
    for name in MODELS.keys() - default:
        registered |= {f"{pipeline}_{name}": nodes for pipeline, nodes in _predict(features, [name]).items()}
    slow = {node.name for node in registered["every_model"].from_nodes(*SLOW_NODES).nodes}
    return {
        name: Pipeline([node.tag("slow" if node.name in slow else "fast") for node in pipeline.nodes])
        for name, pipeline in registered.items()
    }


def _predict(features: Pipeline, models: Iterable[str]) -> dict[str, Pipeline]:
    decisions = _measure_external(features) + predict.create_pipeline(models)
    return {"predict": decisions, "external": decisions + predict.create_external(models)}


def _measure_external(features: Pipeline) -> Pipeline:
    """Index, standardise and measure images from outside by the nodes that do so for the cohort."""
    shared = features.only_nodes(
        "preprocessing.index_cells", "preprocessing.standardise_cells", "feature_engineering.measure_features"
    )
    return Pipeline(
        shared,
        inputs={
            "raw_cells": "external_cells",
            # every folder is scored, whatever its names and labels: there is no check to wait for
            "integrity_report": "external_index",
            "cell_index_parts": "external_index_parts",
            "cell_features_parts": "external_features_parts",
        },
        outputs={
            "cell_index": "external_index",
            "cell_images": "external_images",
            "cell_features": "external_features",
        },
        parameters={name for name in shared.inputs() if name.startswith("params:")},
        namespace="predict",
    )
