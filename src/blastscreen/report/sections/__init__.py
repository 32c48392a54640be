"""Sections of the report: what each of them says, ready for its template `templates/sections/<id>.html`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blastscreen.report.results import Results
from blastscreen.report.sections.answer import describe_answer
from blastscreen.report.sections.decisions import describe_calibration, describe_referral, describe_subjects
from blastscreen.report.sections.evidence import describe_audit, describe_importances
from blastscreen.report.sections.performance import describe_paper, describe_performance
from blastscreen.report.sections.provenance import describe_checklist, describe_flow, describe_provenance


@dataclass(frozen=True)
class Section:
    """A heading, and what the results say below it; nothing where the results that it shows are missing."""

    heading: str
    describe: Callable[[Results], Any]


def _of_models(entry: str, describe: Callable[..., Any]) -> Callable[[Results], dict[str, Any]]:
    """Describe an entry of each model that has it."""
    return lambda results: {
        name: describe(results, model, getattr(model, entry))
        for name, model in results.models.items()
        if getattr(model, entry) is not None
    }


SECTIONS = {
    "answer": Section("The answer", describe_answer),
    "cohort": Section("Which cells were used", describe_flow),
    "performance": Section("Performance", describe_performance),
    "calibration": Section("Are the probabilities right?", _of_models("calibration", describe_calibration)),
    "referral": Section("Which cells go to an expert", _of_models("referral", describe_referral)),
    "subjects": Section("Subject by subject", _of_models("subjects", describe_subjects)),
    "errors": Section("What the models get wrong", _of_models("errors", lambda _results, _model, found: found)),
    "importances": Section("What the models go by", _of_models("importances", describe_importances)),
    "audit": Section("How much a protocol flatters", describe_audit),
    "paper": Section("The paper's numbers", describe_paper),
    "limits": Section("Limits", lambda results: results.groups_on_both_sides),
    "provenance": Section("Provenance", describe_provenance),
    "checklist": Section("Reporting checklist", describe_checklist),
}
"""By their ids, in order."""


def describe_sections(results: Results) -> dict[str, Any]:
    """Describe every section, by its id."""
    return {name: section.describe(results) for name, section in SECTIONS.items()}
