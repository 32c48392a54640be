"""What a run shows: a line per step, warnings, and how it ended."""

import logging
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline.node import Node
from rich.console import Console
from rich.progress import TaskID
from rich.text import Text

from blastscreen.compute.progress import say, share_progress

SUMMARISED_TABLES = frozenset({"cell_index", "cell_features", "external_index", "external_features"})
OPENED_FIRST = ("report", "_external_triage", "_metrics", "audit_summary", "integrity_report")
"""Entries that people look at, best first: whole names, or, from an underscore, the ends of every model's."""
_JUDGED = ("_referral", "_external_triage")
"""Ends of entries of models that a run has judged, or has scored other cells with."""


class Warnings(logging.Handler):
    """Show the warnings of this project on standard error; those of libraries stay in the log."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.addFilter(logging.Filter("blastscreen"))

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        Console(stderr=True).print(Text(f"Warning: {record.getMessage()}", style="yellow"), soft_wrap=True)


@dataclass
class _Step:
    started: float
    missing: set[str]
    task: TaskID


class RunScreen:
    """Print a line per step with its time, and end a run with a few lines that name what to open."""

    def __init__(self) -> None:
        self._display = ExitStack()

    def begin(self, log: PurePath | None, *, n_steps: int | None) -> None:
        """Show where to read more, and from now on what is under way."""
        self._steps: dict[str, _Step] = {}
        self._done = 0
        self._total = f"/{n_steps}" if n_steps else ""
        self.close()
        self._progress = self._display.enter_context(share_progress())
        if log:
            say(f"Log: {shorten(log)}")

    def begin_step(self, node: Node) -> None:
        """Show a step; one that is shown stays."""
        if node.name not in self._steps:
            number = self._done + len(self._steps) + 1
            task = self._progress.add_task(f"{number}{self._total}  {node.name}", total=None)
            self._steps[node.name] = _Step(time.perf_counter(), set(node.outputs), task)

    def note_saved(self, entry: str, node: Node) -> None:
        """End a step with the last of its outputs."""
        self._steps[node.name].missing.discard(entry)
        if not self._steps[node.name].missing:
            self._end(node.name)

    def fail(self) -> None:
        """Name the step that failed."""
        for name in list(self._steps):
            self._end(name, "  failed")
        self.close()

    def _end(self, name: str, outcome: str = "") -> None:
        step = self._steps.pop(name)
        self._done += 1
        self._progress.remove_task(step.task)
        count = f"{self._done}{self._total}".rjust(2 * len(self._total) - 1)
        say(f"{count}  {name:<50} {time.perf_counter() - step.started:8.1f} s{outcome}")

    def end(self, catalog: DataCatalog, saved: list[str], *, log: PurePath | None) -> None:
        """Print what this run produced; what stayed in memory is gone by now, and is left out."""
        from blastscreen.runs.summary import print_summary

        self.close()
        saved = [name for name in saved if getattr(catalog.get(name), "_filepath", None) is not None]
        tables = {name.split("_")[1]: catalog.load(name) for name in sorted(SUMMARISED_TABLES.intersection(saved))}
        measured = any(name.endswith(("_metrics", "_referral")) for name in saved)
        cells = tables.get("index", catalog.load("cell_index") if measured and not tables else None)

        def load_by_model(end: str) -> dict[str, Any]:
            return {name.removesuffix(end): catalog.load(name) for name in sorted(saved) if name.endswith(end)}

        judged = {name.removesuffix(end) for name in saved for end in _JUDGED if name.endswith(end)}
        print_summary(
            index=tables.get("index"),
            sources=() if cells is None else sorted(set(cells["data_source"])),
            features=tables.get("features"),
            metrics=load_by_model("_metrics"),
            promises={model: _read_promises(catalog, model) for model in sorted(judged)},
            decisions=load_by_model("_external_predictions"),
            log=shorten(log) if log else None,
            to_open=[shorten(catalog[name]._get_load_path()) for name in _choose_to_open(saved)],  # type: ignore[attr-defined]
        )

    def close(self) -> None:
        """Take away what moves."""
        self._display.close()


def _read_promises(catalog: DataCatalog, model: str) -> list[str]:
    """Explain what a model can be relied on for."""
    from blastscreen.evaluation.promise import explain_referral, explain_sensitivity

    explanations = {"operating_point": explain_sensitivity, "referral": explain_referral}
    return [text for entry, explain in explanations.items() if (text := explain(catalog.load(f"{model}_{entry}")))]


def _choose_to_open(saved: list[str]) -> list[str]:
    for end in OPENED_FIRST:
        if found := [name for name in saved if name == end or (end.startswith("_") and name.endswith(end))]:
            return found
    return []


def shorten(path: PurePath | str) -> str:
    """Spell a path from the current folder, where it lies below it."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here
