"""What a run shows: a line per step, warnings, and how it ended."""

import logging
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from rich.console import Console
from rich.progress import TaskID
from rich.text import Text

from blastscreen.compute.progress import say, share_progress
from blastscreen.runs.log import RunLog

SUMMARISED_TABLES = frozenset({"cell_index", "cell_features", "external_index", "external_features"})
OPENED_FIRST = ("report", "_external_triage", "_metrics", "audit_summary", "integrity_report")
"""Entries that people look at, best first: whole names, or their ends."""


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
    """Print a line per step with its time, and end a run with a few lines that name the one file to open."""

    def __init__(self, log: RunLog) -> None:
        """Start with nothing on the screen.

        Args:
            log: Names the file with the whole log.
        """
        self._log = log
        self._display = ExitStack()
        self._saved: dict[str, None] = {}

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Say how many steps there are, and where to read more."""
        self._saved = {}
        self._steps: dict[str, _Step] = {}
        self._done = 0
        # how many of them have missing outputs is known to the runner only
        self._total = "" if run_params["only_missing_outputs"] else f"/{len(pipeline.nodes)}"
        self.close()
        self._progress = self._display.enter_context(share_progress())
        if self._log.path:
            say(f"Log: {shorten(self._log.path)}")

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Begin a step with the first of its inputs."""
        self._begin(node)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Begin a step that has no inputs."""
        self._begin(node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note what was written; a step ends with the last of its outputs."""
        self._saved[dataset_name] = None
        self._steps[node.name].missing.discard(dataset_name)
        if not self._steps[node.name].missing:
            self._end(node.name, "")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Name the step that failed."""
        for name in list(self._steps):
            self._end(name, "  failed")
        self.close()

    @hook_impl
    def after_pipeline_run(self, catalog: DataCatalog) -> None:
        """Print what this run produced; what stayed in memory is gone by now, and is left out."""
        from blastscreen.runs.summary import print_summary

        self.close()
        paths = {name: getattr(catalog.get(name), "_filepath", None) for name in self._saved}
        saved = [name for name, path in paths.items() if path is not None]
        tables = {name.split("_")[1]: catalog.load(name) for name in sorted(SUMMARISED_TABLES.intersection(saved))}
        measured = any(name.endswith(("_metrics", "_referral")) for name in saved)
        cells = tables.get("index", catalog.load("cell_index") if measured and not tables else None)
        first = next((name for end in OPENED_FIRST for name in reversed(saved) if _is_called(name, end)), None)

        def load_by_model(end: str) -> dict[str, Any]:
            return {name.removesuffix(end): catalog.load(name) for name in sorted(saved) if name.endswith(end)}

        print_summary(
            index=tables.get("index"),
            sources=() if cells is None else sorted(set(cells["data_source"])),
            features=tables.get("features"),
            metrics=load_by_model("_metrics"),
            promises=_read_promises(catalog, saved),
            decisions=load_by_model("_external_predictions"),
            log=shorten(self._log.path),
            to_open=shorten(catalog[first]._get_load_path()) if first else None,  # type: ignore[attr-defined]
        )

    def close(self) -> None:
        """Take away what moves."""
        self._display.close()

    def _begin(self, node: Node) -> None:
        if node.name not in self._steps:
            number = self._done + len(self._steps) + 1
            task = self._progress.add_task(f"{number}{self._total}  {node.name}", total=None)
            self._steps[node.name] = _Step(time.perf_counter(), set(node.outputs), task)

    def _end(self, name: str, outcome: str) -> None:
        step = self._steps.pop(name)
        self._done += 1
        self._progress.remove_task(step.task)
        count = f"{self._done}{self._total}".rjust(2 * len(self._total) - 1)
        say(f"{count}  {name:<50} {time.perf_counter() - step.started:8.1f} s{outcome}")


def _read_promises(catalog: DataCatalog, saved: Sequence[str]) -> dict[str, list[str]]:
    """Say what the models that this run judged, or scored other cells with, can be relied on for."""
    from blastscreen.evaluation.promise import explain_referral, explain_sensitivity

    said = {"operating_point": explain_sensitivity, "referral": explain_referral}
    models = {
        name.removesuffix(entry)
        for name in saved
        for entry in ("_referral", "_external_triage")
        if name.endswith(entry)
    }
    sentences = {
        model: [say(catalog.load(f"{model}_{entry}")) for entry, say in said.items()] for model in sorted(models)
    }
    return {model: [sentence for sentence in found if sentence] for model, found in sentences.items()}


def _is_called(name: str, end: str) -> bool:
    return name.endswith(end) if end.startswith("_") else name == end


def shorten(path: PurePath | str | None) -> str | None:
    """Spell a path from the current folder, where it lies below it."""
    if path is None:
        return None
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here
