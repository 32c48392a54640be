"""What the report is made from: the stored results of one run, by the names of their catalog entries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from blastscreen.redaction import redact
from blastscreen.vocabulary import GENERATED_SAMPLE, CellLabel, ReasonCode, Split

UNKNOWN = "unknown"
MANIFESTS = "run_manifests"
"""Entry that says of each stored version what it was made with."""


@dataclass(frozen=True)
class Source:
    """A catalog entry and the version that was read, "" where it does not tell."""

    entry: str
    version: str


@dataclass(frozen=True)
class Run:
    """A run that made a result: its version, and its manifest, as far as is known.

    `parameters` and `environment` (see `describe_environment`) are None where a stored run left no manifest.
    `environment` is None, too, for the run that writes the report.
    """

    version: str
    is_current: bool
    parameters: Mapping[str, Any] | None
    environment: Mapping[str, Any] | None


@dataclass(frozen=True)
class Study:
    """Stored results by catalog entry, and the parameters of the run that shows them."""

    entries: Mapping[str, Any]
    parameters: Mapping[str, Any]
    manifests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def models(self) -> dict[str, str]:
        """Models that have metrics: their name in the catalog, and in words."""
        names: Mapping[str, str] = self.parameters["model_names"]
        return {model: name for model, name in names.items() if f"{model}_metrics" in self.entries}

    def get(self, entry: str) -> Any:
        """Return what an entry holds, or None where the run has no such entry."""
        return self.entries.get(entry)

    def sources(self, *entries: str) -> tuple[Source, ...]:
        """Name the entries that are there, with their versions."""
        return tuple(
            Source(entry=name, version=version_of(self.entries[name])) for name in entries if name in self.entries
        )

    @cached_property
    def data_sources(self) -> list[str]:
        """Where the images come from."""
        return sorted(set(self.entries["cell_index"]["data_source"]))

    @property
    def is_generated(self) -> bool:
        """Whether any of the cells were drawn."""
        return GENERATED_SAMPLE in self.data_sources

    @cached_property
    def confidence(self) -> str:
        """Return the level of the models' intervals in words, such as "95%"."""
        return self.confidence_of(*(f"{model}_metrics" for model in self.models))

    def confidence_of(self, *entries: str) -> str:
        """Return the level that the runs which made these entries gave their intervals, in words."""
        runs = [self.run_of(entry) for entry in entries if entry in self.entries]
        return " and ".join(sorted({_confidence(run) for run in runs})) or _confidence(None)

    def run_of(self, entry: str) -> Run:
        """Look up the run that made an entry; one without a version was kept in memory by the current run."""
        return self._find_run(version_of(self.entries[entry]))

    @property
    def current_run(self) -> Run:
        """The run that writes the report."""
        return self._find_run("")

    def run_of_model(self, model: str) -> Run:
        """Look up the run that made the model, by the versions that were read on the way to its metrics.

        For results of the current run that is the current run, if it has read no older predictions.
        """
        predictions = f"{model}_predictions"
        run = self.run_of(predictions if predictions in self.entries else f"{model}_metrics")
        for entry in (predictions, f"{model}_model"):
            read = self.manifests.get(run.version, {}).get("load_versions", {}).get(entry)
            run = self._find_run(read) if read else run
        return run

    def _find_run(self, version: str) -> Run:
        current = str(getattr(self.manifests, "current", ""))
        if version in ("", current):
            return Run(version or current, is_current=True, parameters=self.parameters, environment=None)
        manifest = self.manifests.get(version)
        parameters = None if manifest is None else manifest["parameters"]
        return Run(version, is_current=False, parameters=parameters, environment=manifest)

    @cached_property
    def model_runs(self) -> dict[str, Run]:
        """The run that made each model."""
        return {model: self.run_of_model(model) for model in self.models}

    @property
    def made_elsewhere(self) -> bool:
        """Whether a model, or the split, comes from another run than the one that writes the report."""
        return not all(run.is_current for run in (*self.model_runs.values(), self.run_of("cell_splits")))

    @property
    def strategy(self) -> str:
        """Return how the cells were split, or "unknown" where the run that did it left no manifest."""
        parameters = self.run_of("cell_splits").parameters
        return str((parameters or {}).get("splits", {}).get("strategy", UNKNOWN))

    @cached_property
    def n_lossy(self) -> int:
        """Count the cells whose image had been compressed with losses."""
        flagged: Mapping[str, Any] = self.entries["integrity_report"]["review_reasons"]
        return int(flagged.get(ReasonCode.LOSSY_SOURCE, {}).get("n_files", 0))

    @cached_property
    def groups_on_both_sides(self) -> tuple[int, int]:
        """Count the subject groups among the test cells that also gave cells to training, and all of the test's."""
        splits: pd.DataFrame = self.entries["cell_splits"]
        test, train = (
            set(splits.loc[splits["split"] == split, "subject_group"]) for split in (Split.TEST, Split.TRAIN)
        )
        return len(test & train), len(test)

    def count_test_subjects(self, label: CellLabel) -> int:
        """Count the subjects with test cells of a class."""
        splits: pd.DataFrame = self.entries["cell_splits"]
        chosen = (splits["split"] == Split.TEST) & (splits["label"] == label)
        return int(splits.loc[chosen, "subject_id"].nunique())


def open_study(entries: Mapping[str, Any], *, parameters: Mapping[str, Any]) -> Study:
    """Take results and parameters as the catalog gives them.

    Args:
        entries: What the catalog entries hold, by their names.
        parameters: All parameters of the run, as plain values or as models.
    """
    results = {name: value for name, value in entries.items() if name != MANIFESTS}
    given = {str(name): redact(value) for name, value in parameters.items()}
    return Study(entries=results, parameters=given, manifests=entries.get(MANIFESTS, {}))


def _confidence(run: Run | None) -> str:
    parameters = (run.parameters if run else None) or {}
    level = parameters.get("evaluation", {}).get("confidence_level")
    return "unknown-level" if level is None else f"{100 * level:g}%"


def version_of(value: object) -> str:
    """Return the version that a loaded table or document carries, or ""."""
    return str(getattr(value, "attrs", {}).get("version") or getattr(value, "version", None) or "")
