"""What is drawn and gathered of a model follows from its kind."""

import pytest

from blastscreen.models import MODELS, ModelKind
from blastscreen.pipelines.reporting import create_pipeline
from blastscreen.report.figures import FIGURES
from blastscreen.report.sections import SECTIONS


@pytest.fixture(scope="module")
def pipeline():
    return create_pipeline(MODELS)


def test_every_tabular_model_has_importances_and_every_network_a_learning_curve_and_maps(pipeline):
    tabular, networks = (
        {name for name, model in MODELS.items() if model.kind == kind}
        for kind in (ModelKind.TABULAR, ModelKind.NETWORK)
    )
    outputs = pipeline.all_outputs()
    assert {name for name in MODELS if f"{name}_importances_figure" in outputs} == tabular
    assert {name for name in MODELS if f"{name}_learning_curve_figure" in outputs} == networks
    explained = {
        name for name in MODELS for node in pipeline.nodes if {f"{name}_model", f"{name}_triage"} <= set(node.inputs)
    }
    assert explained == networks


def test_the_report_shows_every_figure_and_every_figure_belongs_to_a_section(pipeline):
    (report,) = [node for node in pipeline.nodes if node.name == "reporting.render_report"]
    drawn = {name for name in pipeline.all_outputs() if name.endswith("_figure")}
    assert drawn | {"audit_figure", "area_correlations_figure"} == {
        name for name in report.inputs if name.endswith("_figure")
    }
    assert {drawing.section for drawing in FIGURES.values()} <= set(SECTIONS)


def test_no_figure_reads_more_than_what_it_draws(pipeline):
    read = {name: node.inputs for node in pipeline.nodes for name in node.outputs if name.endswith("_figure")}
    with_predictions = [name for name, inputs in read.items() if any("predictions" in entry for entry in inputs)]
    assert sorted(with_predictions) == sorted(f"{model}_roc_figure" for model in MODELS)
