"""The pipelines that `kedro run` knows by name."""

from collections.abc import Collection

from kedro.pipeline import Pipeline

from blastscreen.pipelines import (
    audit,
    cnn,
    evaluation,
    external,
    feature_engineering,
    hybrid,
    predict,
    preprocessing,
    reporting,
    rf,
)

MODELS = {"rf": rf, "cnn": cnn, "hybrid": hybrid}
"""Each model's name in the catalog and its pipeline; evaluation and reporting follow from the name."""

ON_PIXELS = {"cnn"}
"""Models that see the cells themselves: their pipelines measure no features."""

SLOW_NODES = (
    "cnn.train_network",
    "audit.measure_other_region",
    "audit.audit_forests",
    "audit.audit_networks",
    "audit.audit_imbalance",
)
"""Nodes that a first look can do without: they, and all that follows from them, are tagged slow, all others fast."""


def register_pipelines() -> dict[str, Pipeline]:
    """Compose the registered pipelines.

    Returns:
        One pipeline per name. A model's pipeline holds all it needs upstream and its own evaluation, that of `hybrid`
        the two models that it joins; `reporting` reads stored results only, `predict` and `external` stored models.
    """
    images = preprocessing.create_pipeline()
    features = images + feature_engineering.create_pipeline()
    models = {
        name: (images if name in ON_PIXELS else features) + model.create_pipeline() + evaluation.create_pipeline(name)
        for name, model in MODELS.items()
    }
    models["hybrid"] += models["rf"] + models["cnn"]
    protocols = features + audit.create_pipeline()
    report = reporting.create_pipeline(MODELS)
    prediction = _measure_external(features) + predict.create_pipeline()
    everything = sum(models.values(), protocols + report)
    slow = {node.name for node in everything.from_nodes(*SLOW_NODES).nodes}
    registered = {
        "preprocessing": images,
        "feature_engineering": features,
        **models,
        "audit": protocols,
        "reporting": report,
        "predict": prediction,
        "external": prediction + external.create_pipeline(predict.SCORED_MODELS),
        "__default__": everything,
    }
    return {name: _tag_by_speed(pipeline, slow) for name, pipeline in registered.items()}


def _tag_by_speed(pipeline: Pipeline, slow: Collection[str]) -> Pipeline:
    return Pipeline([node.tag("slow" if node.name in slow else "fast") for node in pipeline.nodes])


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
