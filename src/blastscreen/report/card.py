"""The model card: what the models are, what they are for, and what they are not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

import blastscreen
from blastscreen.compute.environment import describe_environment
from blastscreen.report.answer import describe_answer
from blastscreen.report.cohort_section import describe_flow
from blastscreen.report.decisions import describe_calibration, describe_referral, warn_of_calibration
from blastscreen.report.performance import describe_performance
from blastscreen.report.provenance import describe_provenance
from blastscreen.report.quantities import Quantity
from blastscreen.report.study import Study, open_study
from blastscreen.report.tables import Table
from blastscreen.report.text import escape_markdown, markdown_environment

_WHY_NO_INTERVAL = "No interval: there are too few subject groups."


def write_model_card(entries: Mapping[str, Any], *, parameters: Mapping[str, Any]) -> str:
    """Write the model card of a run.

    Args:
        entries: What the catalog entries hold, by their names; see `render_report`.
        parameters: All parameters of the run.

    Returns:
        Markdown. Text from outside, such as names of files, is escaped in it.

    Source:
        Mitchell et al., "Model cards for model reporting", FAT* (2019).
    """
    study = open_study(entries, parameters=parameters)
    plans = {model: describe_referral(study, model) for model in study.models}
    calibrations = {model: describe_calibration(study, model) for model in study.models}
    environment = describe_environment(Path(blastscreen.__file__).parent)
    return (
        markdown_environment()
        .get_template("card.md")
        .render(
            study=study,
            answer=describe_answer(study),
            flow=describe_flow(study),
            performance=describe_performance(study),
            plans={model: plan for model, plan in plans.items() if plan is not None},
            calibration_warnings={model: warn_of_calibration(study, model) for model, t in calibrations.items() if t},
            calibrations={model: table for model, table in calibrations.items() if table is not None},
            provenance=describe_provenance(study, environment),
            details=_describe_models(study),
            write_table=_write_table,
            show=_show,
        )
    )


def _describe_models(study: Study) -> dict[str, dict[str, str] | None]:
    """List the settings that each model was made with, by its name in words; None where they are unknown."""
    made = {name: study.model_runs[model].parameters for model, name in study.models.items()}
    return {
        name: None
        if parameters is None
        else {setting: str(value) for setting, value in parameters.get(model, {}).items()}
        for (name, parameters), model in zip(made.items(), study.models, strict=True)
    }


def _write_table(table: Table) -> Markup:
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    text = "\n".join("| " + " | ".join(_write_cell(cell) for cell in line) + " |" for line in lines)
    sources = ", ".join(f"`{source.entry}` {source.version}".strip() for source in table.sources)
    origin = f"\n\nUnit: {escape_markdown(table.unit)}. From {sources}." if sources else ""
    origin += f" {_WHY_NO_INTERVAL}" if table.lacks_intervals else ""
    return Markup(f"**{escape_markdown(table.title)}**\n\n{text}{origin}")  # noqa: S704 - cells are escaped


def _write_cell(cell: str | Quantity) -> str:
    return str(_show(cell)) if isinstance(cell, Quantity) else escape_markdown(cell)


def _show(shown: Quantity) -> Markup:
    extra = f" ({shown.range})" if shown.range else f" ({shown.note})" if shown.note else ""
    return Markup(shown.text + extra)  # noqa: S704 - numbers and our own words
