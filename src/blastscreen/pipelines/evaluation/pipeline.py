"""Pipeline `evaluation`: one template for every model."""

from kedro.pipeline import Pipeline, node

from blastscreen.pipelines.evaluation.nodes import (
    calibrate_predictions,
    choose_operating_point,
    count_votes,
    describe_calibration,
    describe_subjects,
    evaluate_predictions,
    plan_referral,
    triage_cells,
)


def create_pipeline(model: str) -> Pipeline:
    """Wire the evaluation of one model.

    Args:
        model: Reads `<model>_predictions`; writes `<model>_operating_point`, `<model>_metrics` and what else follows
            from the predictions.
    """
    template = _create_calls() + _create_referral()
    return Pipeline(
        template,
        inputs={"predictions": f"{model}_predictions", "cell_index": "cell_index", "training_range": "training_range"},
        outputs={name: f"{model}_{name}" for name in template.all_outputs()},
        parameters={"params:evaluation"},
        namespace=model,
    )


def _create_calls() -> Pipeline:
    return Pipeline(
        [
            node(
                choose_operating_point,
                inputs=["predictions", "params:evaluation"],
                outputs="operating_point",
                name="choose_operating_point",
            ),
            node(
                evaluate_predictions,
                inputs=["predictions", "cell_index", "training_range", "operating_point", "params:evaluation"],
                outputs="metrics",
                name="evaluate_predictions",
            ),
            node(
                describe_subjects,
                inputs=["predictions", "operating_point"],
                outputs="subjects",
                name="describe_subjects",
            ),
            node(
                count_votes,
                inputs=["subjects", "params:evaluation"],
                outputs="subject_votes",
                name="count_votes",
            ),
        ]
    )


def _create_referral() -> Pipeline:
    rated = ("predictions", "calibrated_predictions", "cell_index", "training_range")
    return Pipeline(
        [
            node(
                describe_calibration,
                inputs=["predictions", "params:evaluation"],
                outputs="calibration",
                name="describe_calibration",
            ),
            node(
                calibrate_predictions,
                inputs=["predictions", "calibration"],
                outputs="calibrated_predictions",
                name="calibrate_predictions",
            ),
            node(
                plan_referral,
                inputs=[*rated, "operating_point", "params:evaluation"],
                outputs="referral",
                name="plan_referral",
            ),
            node(
                triage_cells,
                inputs=[*rated, "operating_point", "referral"],
                outputs="triage",
                name="triage_cells",
            ),
        ]
    )
