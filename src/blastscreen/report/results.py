"""Stored results as the report reads them: gathered from catalog entries, grouped by model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.comparison import version_of
from blastscreen.models import MODELS
from blastscreen.redaction import redact
from blastscreen.report.figures import FIGURES
from blastscreen.vocabulary import GENERATED_SAMPLE, Split

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Source:
    """A catalog entry and the version that was read, "" where it carries none."""

    entry: str
    version: str


@dataclass(frozen=True)
class Run:
    """A run that made a result; it has no manifest if it left none, or writes the report."""

    version: str
    is_current: bool
    parameters: Mapping[str, Any] | None
    manifest: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{'this run' if self.is_current else 'run'} {self.version}".strip()

    @property
    def confidence(self) -> str:
        """The level of its intervals in words, such as "95%"."""
        level = (self.parameters or {}).get("evaluation", {}).get("confidence_level")
        return "unknown-level" if level is None else f"{100 * level:g}%"


@dataclass(frozen=True)
class ModelResults:
    """What is stored of a model, named as its entries are; None where no such entry was read."""

    name: str
    title: str
    metrics: Mapping[str, Any]
    operating_point: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] | None = None
    referral: Mapping[str, Any] | None = None
    subjects: pd.DataFrame | None = None
    subject_votes: Mapping[str, Any] | None = None
    errors: Mapping[str, Any] | None = None
    importances: pd.DataFrame | None = None
    history: pd.DataFrame | None = None


@dataclass(frozen=True)
class Results:
    """Everything that the report shows, named as its entries are; None where no such entry was read.

    `figures` and `versions` ("" where it carries none) are by entry, `run_manifests` by the version of their run.
    """

    parameters: Mapping[str, Any]
    models: Mapping[str, ModelResults]
    figures: Mapping[str, go.Figure]
    versions: Mapping[str, str]
    cell_splits: pd.DataFrame
    integrity_report: Mapping[str, Any]
    cell_features: pd.DataFrame | None = None
    comparison: Mapping[str, Any] | None = None
    area_correlations: pd.DataFrame | None = None
    audit_imbalance: pd.DataFrame | None = None
    audit_summary: Mapping[str, Any] | None = None
    paper_check: Mapping[str, Any] | None = None
    reporting_checklist: Iterable[Mapping[str, Any]] | None = None
    run_manifests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def sources(self, *entries: str) -> tuple[Source, ...]:
        """Name those of the entries that were read, with their versions."""
        return tuple(Source(entry, self.versions[entry]) for entry in entries if entry in self.versions)

    def of_models(self, result: str) -> tuple[Source, ...]:
        """Name an entry of every model, with its version."""
        return self.sources(*(f"{model}_{result}" for model in self.models))

    @cached_property
    def data_sources(self) -> str:
        """Where the images come from."""
        return join_sources(self.cell_splits)

    @property
    def is_generated(self) -> bool:
        """Whether any of the cells were drawn."""
        return GENERATED_SAMPLE in self.data_sources

    def confidence_of(self, *sources: Source) -> str:
        """Return the level of the intervals in these entries in words, such as "95%"."""
        return " and ".join(sorted({self.find_run(source.version).confidence for source in sources})) or UNKNOWN

    @property
    def split_run(self) -> Run:
        """The run that split the cells."""
        return self.find_run(self.versions["cell_splits"])

    @cached_property
    def model_runs(self) -> dict[str, Run]:
        """The run that made each model, found by the versions that were read on the way to its metrics."""
        return {model: self._find_run_of_model(model) for model in self.models}

    def _find_run_of_model(self, model: str) -> Run:
        predictions = f"{model}_predictions"
        # predictions of a run before may have been evaluated anew by the run that writes the report
        run = self.find_run(self.versions.get(predictions, self.versions[f"{model}_metrics"]))
        for entry in (predictions, f"{model}_model"):
            read = self.run_manifests.get(run.version, {}).get("load_versions", {}).get(entry)
            run = self.find_run(read) if read else run
        return run

    def find_run(self, version: str) -> Run:
        """Look up a run; without a version, the one that writes the report."""
        current = str(getattr(self.run_manifests, "current", ""))
        if version in ("", current):
            return Run(version or current, is_current=True, parameters=self.parameters, manifest=None)
        manifest = self.run_manifests.get(version)
        return Run(version, is_current=False, parameters=manifest and manifest["parameters"], manifest=manifest)

    @property
    def made_elsewhere(self) -> bool:
        """Whether a model, or the split, comes from another run than the one that writes the report."""
        return not all(run.is_current for run in (*self.model_runs.values(), self.split_run))

    @cached_property
    def groups_on_both_sides(self) -> tuple[int, int]:
        """Number of subject groups among the test cells that also gave cells to training, and of all in the test."""
        groups = self.cell_splits.groupby("split")["subject_group"].agg(set)
        test, train = (groups.get(split, set()) for split in (Split.TEST, Split.TRAIN))
        return len(test & train), len(test)


def gather_results(**entries: Any) -> Results:
    """Group what catalog entries hold, given by their names.

    `parameters`, `cell_splits`, `integrity_report` and one `<model>_metrics` at least are needed.
    """
    known = [f"{prefix}{name}_figure" for prefix in ("", *(f"{model}_" for model in MODELS)) for name in FIGURES]
    found: dict[str, Any] = _select(Results, entries)
    found["parameters"] = {str(name): redact(value) for name, value in entries["parameters"].items()}
    read = {name: value for name, value in entries.items() if name not in ("parameters", "run_manifests")}
    return Results(
        **found,
        models={
            name: ModelResults(name=name, title=model.title, **_select(ModelResults, entries, prefix=f"{name}_"))
            for name, model in MODELS.items()
            if f"{name}_metrics" in entries
        },
        figures={name: entries[name] for name in known if name in entries},
        versions={name: version_of(value, unknown="") for name, value in read.items()},
    )


def _select(group: type, entries: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    return {of.name: entries[prefix + of.name] for of in fields(group) if prefix + of.name in entries}
