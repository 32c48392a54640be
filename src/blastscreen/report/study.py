"""What the report is made from: the stored results of one run, by the names of their catalog entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from blastscreen.manifest import plain
from blastscreen.vocabulary import GENERATED_SAMPLE, CellLabel, Split


@dataclass(frozen=True)
class Source:
    """A catalog entry and the version that was read, "" where it does not tell."""

    entry: str
    version: str


@dataclass(frozen=True)
class Study:
    """Stored results by catalog entry, and the parameters of the run that shows them."""

    entries: Mapping[str, Any]
    parameters: Mapping[str, Any]

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

    @property
    def confidence(self) -> str:
        """Return the level of the intervals in words, such as "95%"."""
        return f"{100 * self.parameters['evaluation']['confidence_level']:g}%"

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
    return Study(entries=entries, parameters={str(name): plain(value) for name, value in parameters.items()})


def version_of(value: object) -> str:
    """Return the version that a loaded table or document carries, or ""."""
    return str(getattr(value, "attrs", {}).get("version") or getattr(value, "version", None) or "")
