"""Evaluation of a model: one template for every model, part of the model's own pipeline."""

from kedro.pipeline import Pipeline, node

from blastscreen.evaluation.calibration import describe_calibration
from blastscreen.evaluation.operating_point import choose_operating_point
from blastscreen.evaluation.rates import count_votes, describe_subjects, evaluate_predictions
from blastscreen.evaluation.referral import plan_referral, rate_predictions, triage_cells


def create_pipeline(model: str) -> Pipeline:
    """Wire the evaluation of `<model>_predictions`; what it writes is named `<model>_metrics` and so on."""
    settings = {"settings": "params:evaluation"}
    predictions, point = {"predictions": "predictions"}, {"operating_point": "operating_point"}
    calibrated = {"calibrated": "calibrated_predictions"}
    of_cohort = {"cell_index": "cell_index", "training_range": "training_range"}
    rated = {**predictions, **point, **of_cohort, "calibration": "calibration"}
    evaluated = {**predictions, **point, **calibrated, **settings}
    nodes = [
        node(choose_operating_point, predictions | settings, "operating_point", name="choose_operating_point"),
        node(describe_calibration, predictions | settings, "calibration", name="describe_calibration"),
        node(rate_predictions, rated, "calibrated_predictions", name="calibrate_predictions"),
        node(evaluate_predictions, evaluated, "metrics", name="evaluate_predictions"),
        node(plan_referral, calibrated | settings, "referral", name="plan_referral"),
        node(triage_cells, calibrated | {"referral": "referral"}, "triage", name="triage_cells"),
        node(describe_subjects, predictions | point, "subjects", name="describe_subjects"),
        node(count_votes, {"subjects": "subjects"} | settings, "subject_votes", name="count_votes"),
    ]
    return Pipeline(
        nodes,
        inputs={"predictions": f"{model}_predictions", **of_cohort},
        outputs={name: f"{model}_{name}" for one in nodes for name in one.outputs},
        parameters={"params:evaluation"},
        namespace=model,
    )
