"""Evaluation of a model: one template for every model, part of the model's own pipeline."""

from kedro.pipeline import Pipeline, node

from blastscreen.evaluation.calibration import describe_calibration
from blastscreen.evaluation.operating_point import choose_operating_point
from blastscreen.evaluation.rates import evaluate_predictions
from blastscreen.evaluation.referral import plan_referral, rate_predictions, triage_cells
from blastscreen.evaluation.subjects import count_votes, describe_subjects


def create_pipeline(model: str) -> Pipeline:
    """Wire the evaluation of one model.

    Args:
        model: Reads `<model>_predictions`; writes `<model>_operating_point`, `<model>_metrics` and what else follows
            from the predictions.
    """
    settings = {"settings": "params:evaluation"}
    template = Pipeline(
        [
            node(
                choose_operating_point,
                inputs={"predictions": "predictions"} | settings,
                outputs="operating_point",
                name="choose_operating_point",
            ),
            node(
                describe_calibration,
                inputs={"predictions": "predictions"} | settings,
                outputs="calibration",
                name="describe_calibration",
            ),
            node(
                rate_predictions,
                inputs={
                    name: name
                    for name in ("predictions", "calibration", "operating_point", "cell_index", "training_range")
                },
                outputs="calibrated_predictions",
                name="calibrate_predictions",
            ),
            node(
                evaluate_predictions,
                inputs={
                    "predictions": "predictions",
                    "calibrated": "calibrated_predictions",
                    "operating_point": "operating_point",
                }
                | settings,
                outputs="metrics",
                name="evaluate_predictions",
            ),
            node(
                plan_referral,
                inputs={"calibrated": "calibrated_predictions"} | settings,
                outputs="referral",
                name="plan_referral",
            ),
            node(
                triage_cells,
                inputs={"calibrated": "calibrated_predictions", "referral": "referral"},
                outputs="triage",
                name="triage_cells",
            ),
            node(
                describe_subjects,
                inputs={"predictions": "predictions", "operating_point": "operating_point"},
                outputs="subjects",
                name="describe_subjects",
            ),
            node(
                count_votes,
                inputs={"subjects": "subjects"} | settings,
                outputs="subject_votes",
                name="count_votes",
            ),
        ]
    )
    return Pipeline(
        template,
        inputs={"predictions": f"{model}_predictions", "cell_index": "cell_index", "training_range": "training_range"},
        outputs={name: f"{model}_{name}" for name in template.all_outputs()},
        parameters={"params:evaluation"},
        namespace=model,
    )
