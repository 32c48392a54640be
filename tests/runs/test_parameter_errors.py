"""What a parameter may be is said in words, for every parameter that there is."""

import pytest

from blastscreen import parameters
from blastscreen.parameters import CnnParameters, ComputeParameters, EvaluationParameters, PreprocessingParameters
from blastscreen.runs.parameter_errors import describe_allowed

FIELDS = [(model, field) for model in parameters.Parameters.__subclasses__() for field in model.model_fields]


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_every_parameter_says_what_it_may_be_and_means(model, field):
    text = describe_allowed(model, field)
    assert text.endswith(f"({model.model_fields[field].description})")


@pytest.mark.parametrize(
    ("model", "field", "allowed"),
    [
        (CnnParameters, "input_side", "a whole number, at least 16 ("),
        (CnnParameters, "rotation_degrees", "a number, at least 0, at most 180 ("),
        (CnnParameters, "horizontal_flip", "true or false ("),
        (CnnParameters, "test_time_views", "1 or 8 ("),
        (ComputeParameters, "n_jobs", "-1 or a whole number, at least 1 ("),
        (ComputeParameters, "backend", "threading or loky or dask ("),
        (EvaluationParameters, "max_residual_error", "a number, above 0, below 1 ("),
        (PreprocessingParameters, "expected_sizes", "a list, each a whole number, at least 1 ("),
    ],
)
def test_kinds_bounds_and_choices(model, field, allowed):
    assert describe_allowed(model, field).startswith(allowed)
