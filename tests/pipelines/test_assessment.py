import json

import numpy as np
import pandas as pd
import pytest
import yaml

from blastscreen.parameters import EvaluationParameters
from blastscreen.pipelines.assessment import create_pipeline
from blastscreen.schemas import CALIBRATED, SUBJECTS, TRIAGE
from blastscreen.vocabulary import GENERATED_SAMPLE

SCHEMAS = {"calibrated_predictions": CALIBRATED, "triage": TRIAGE, "subjects": SUBJECTS}


@pytest.fixture(scope="module")
def results(repository):
    rng = np.random.default_rng(0)
    subject = rng.integers(0, 12, 200)
    cells = pd.DataFrame({"image_id": [f"{number}" for number in range(200)], "subject_id": subject.astype(str)})
    cells["subject_group"], cells["label"] = cells["subject_id"], np.where(subject < 6, "all", "hem")
    cells["split"] = np.where(subject % 2, "validation", "test")
    scores = rng.beta(np.where(subject < 6, 3, 2), 2)
    predictions = cells.assign(data_source=GENERATED_SAMPLE, blast_probability=scores)
    index = predictions.assign(cell_area=100, status="accepted", reasons="")
    values = yaml.safe_load((repository / "conf/base/parameters/evaluation.yml").read_text())["evaluation"]
    stored = {
        "rf_predictions": predictions,
        "cell_index": index,
        "training_range": {"cell_area": {"low": 90, "high": 110}, "data_source": GENERATED_SAMPLE},
        "params:evaluation": EvaluationParameters.model_validate(values),
    }
    pipeline = create_pipeline("rf")
    for node in pipeline.nodes:
        stored |= node.run({name: stored[name] for name in node.inputs})
    return {name.removeprefix("rf_"): stored[name] for name in pipeline.all_outputs()}


def test_every_result_names_its_data_source(results):
    for name, result in results.items():
        if isinstance(result, pd.DataFrame):
            assert set(SCHEMAS[name].validate(result)["data_source"]) == {GENERATED_SAMPLE}
        else:
            assert result["data_source"] == GENERATED_SAMPLE
            json.dumps(result, allow_nan=False)
    assert set(SCHEMAS) < set(results)


def test_metrics_and_triage_are_of_the_chosen_threshold(results):
    threshold = results["operating_point"]["threshold"]
    assert {results["metrics"][split]["threshold"] for split in ("validation", "test")} == {threshold}
    called = results["triage"]["call"] == "blast"
    assert called.sum() == sum(
        results["metrics"][split]["confusion"][cell]
        for split in ("validation", "test")
        for cell in ("true_positives", "false_positives")
    )
