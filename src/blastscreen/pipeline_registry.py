"""The pipelines that `kedro run` knows by name."""

from kedro.pipeline import Pipeline

from blastscreen.pipelines import cnn, evaluation, feature_engineering, preprocessing, reporting, rf

MODELS = {"rf": rf, "cnn": cnn}
"""Each model's name in the catalog and its pipeline; evaluation and reporting follow from the name."""

ON_PIXELS = {"cnn"}
"""Models that see the cells themselves: their pipelines measure no features."""


def register_pipelines() -> dict[str, Pipeline]:
    """Compose the registered pipelines.

    Returns:
        One pipeline per name. A model's pipeline holds all it needs upstream and its own evaluation; `reporting`
        reads stored results only.
    """
    images = preprocessing.create_pipeline()
    features = images + feature_engineering.create_pipeline()
    models = {
        name: (images if name in ON_PIXELS else features) + model.create_pipeline() + evaluation.create_pipeline(name)
        for name, model in MODELS.items()
    }
    report = reporting.create_pipeline(MODELS)
    return {
        "preprocessing": images,
        "feature_engineering": features,
        **models,
        "reporting": report,
        "__default__": sum(models.values(), report),
    }
