"""Pipeline `reporting`: comparison, figures, examples of errors, report and model card, from stored results."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from blastscreen.evaluation import comparison
from blastscreen.evaluation.published import check_published
from blastscreen.models import MODELS, ModelKind
from blastscreen.parameters import EvaluationParameters
from blastscreen.report.examples import gather_errors
from blastscreen.report.figures import FIGURES
from blastscreen.report.figures.contact_sheet import draw_contact_sheet
from blastscreen.report.page import render_report, write_model_card
from blastscreen.report.results import ModelResults, Results

_MADE_HERE = {"name", "title", "models", "figures", "versions"}
_OF_KIND = {"importances": ModelKind.TABULAR, "history": ModelKind.NETWORK}


def compare_models(settings: EvaluationParameters, **stored: Any) -> dict[str, Any]:
    """Compare every two models, by their entries `<model>_predictions` and `<model>_operating_point`."""
    models = [name.removesuffix("_predictions") for name in stored if name.endswith("_predictions")]
    return comparison.compare_models(
        {model: stored[f"{model}_predictions"] for model in models},
        {model: stored[f"{model}_operating_point"]["threshold"] for model in models},
        confidence_level=settings.confidence_level,
    )


def create_pipeline(models: Iterable[str]) -> Pipeline:
    """Wire `reporting` for these models, by their names in `MODELS`."""
    names = list(models)
    scored = [f"{model}_{result}" for model in names for result in ("predictions", "operating_point")]
    sheet = {"cell_index": "cell_index", "cell_images": "cell_images", "settings": "params:reporting"}
    compared = {"settings": "params:evaluation"} | {name: name for name in scored}
    nodes = [
        node(draw_contact_sheet, inputs=sheet, outputs="contact_sheet", name="draw_cells"),
        node(check_published, inputs={"facts": "published_numbers"}, outputs="paper_check", name="check_published"),
        node(compare_models, inputs=compared, outputs="comparison", name="compare_models"),
        *_draw_figures(names),
        *map(_gather_errors, names),
    ]
    stored = {name: name for name in _list_results(names)}
    figures = sorted(output for drawn in nodes for output in drawn.outputs if output.endswith("_figure"))
    figures += [f"{name}_figure" for name, drawing in FIGURES.items() if drawing.section == "audit"]
    shown = stored | {name: name for name in figures}
    nodes += [
        node(render_report, inputs=shown, outputs="report", name="render_report"),
        node(write_model_card, inputs=stored, outputs="model_card", name="write_model_card"),
    ]
    return Pipeline(nodes, namespace="reporting", prefix_datasets_with_namespace=False)


def _draw_figures(models: Sequence[str]) -> Iterable[Node]:
    """Wire the figures by the names of their functions' arguments; pipeline `audit` draws its own."""
    for name, drawing in FIGURES.items():
        arguments = inspect.signature(drawing.draw).parameters
        if "model" in arguments:
            for model in (model for model in models if MODELS[model].kind in drawing.kinds):
                inputs = {argument: f"{model}_{argument}" for argument in arguments if argument != "model"}
                draw, output = _name_model(drawing.draw, model), f"{model}_{name}_figure"
                yield node(draw, inputs=inputs, outputs=output, name=f"draw_{name}", namespace=model)
        elif drawing.section != "audit":
            inputs = {argument: argument for argument in arguments if argument != "metrics"}
            inputs |= {model: f"{model}_metrics" for model in models}
            yield node(drawing.draw, inputs=inputs, outputs=f"{name}_figure", name=f"draw_{name}")


def _gather_errors(model: str) -> Node:
    inputs = {name: f"{model}_{name}" for name in ("predictions", "triage", "operating_point")}
    inputs |= {name: name for name in ("cell_images", "cell_features", "cell_splits")}
    inputs |= {"settings": "params:reporting"}
    inputs |= {"network": f"{model}_model"} if MODELS[model].kind == ModelKind.NETWORK else {}
    gather = _name_model(gather_errors, model)
    return node(gather, inputs=inputs, outputs=f"{model}_errors", name="gather_errors", namespace=model)


def _name_model(function: Callable[..., Any], model: str) -> Callable[..., Any]:
    """Fill in a model's title, which is no catalog entry."""
    return update_wrapper(partial(function, model=MODELS[model].title), function)


def _list_results(models: Sequence[str]) -> list[str]:
    """List the entries that the documents read, but for the figures."""
    of_all, of_models = (
        [of.name for of in fields(group) if of.name not in _MADE_HERE] for group in (Results, ModelResults)
    )
    return of_all + [
        f"{model}_{result}"
        for model in models
        for result in ("predictions", *of_models)
        if _OF_KIND.get(result, MODELS[model].kind) == MODELS[model].kind
    ]
