"""What a run shows: a line per step, warnings, and a summary at its end."""

import fnmatch
import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kedro.io import DataCatalog
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import TaskID
from rich.table import Table
from rich.text import Text

from blastscreen.compute.progress import say, share_progress
from blastscreen.vocabulary import UNFIT_CODES, Consequence, Decision, Split, Status, count_noun, is_unfit

if TYPE_CHECKING:
    import pandas as pd

SUMMARISED_TABLES = frozenset({"cell_index", "cell_features", "external_index", "external_features"})
OPENED_FIRST = ("report", "*_external_triage", "*_metrics", "audit_summary", "integrity_report")
"""Entries that people look at, best first."""
LIMITS = "research use only, not a medical device"
_SHOWN_METRICS = ("n_cells", "n_unfit", "n_subjects", "threshold", "accuracy", "sensitivity", "specificity", "auroc")
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


class RunScreen:
    """Print a line per step with its time, and end a run with a few lines that name what to open."""

    def __init__(self) -> None:
        self._display = ExitStack()

    def begin(self, log: PurePath | None, *, n_steps: int | None) -> None:
        """Show where to read more, and from now on what is under way."""
        self._steps: dict[str, tuple[TaskID, float]] = {}
        self._done = 0
        self._total = f"/{n_steps}" if n_steps else ""
        self.close()
        self._progress = self._display.enter_context(share_progress())
        if log:
            say(f"Log: {shorten(log)}")

    def begin_step(self, name: str) -> None:
        """Show a step; one that is shown stays."""
        if name not in self._steps:
            number = self._done + len(self._steps) + 1
            task = self._progress.add_task(f"{number}{self._total}  {name}", total=None)
            self._steps[name] = (task, time.perf_counter())

    def end_step(self, name: str, outcome: str = "") -> None:
        """Turn a step into a line that stays."""
        task, started = self._steps.pop(name)
        self._done += 1
        self._progress.remove_task(task)
        count = f"{self._done}{self._total}".rjust(2 * len(self._total) - 1)
        say(f"{count}  {name:<50} {time.perf_counter() - started:8.1f} s{outcome}")

    def fail(self) -> None:
        """Name the step that failed."""
        for name in list(self._steps):
            self.end_step(name, "  failed")
        self.close()

    def end(self, catalog: DataCatalog, saved: list[str], *, log: PurePath | None) -> None:
        """Print what this run produced; what stayed in memory is gone by now, and is left out."""
        self.close()
        saved = [name for name in saved if getattr(catalog.get(name), "_filepath", None) is not None]
        tables = {name.split("_")[1]: catalog.load(name) for name in sorted(SUMMARISED_TABLES.intersection(saved))}
        measured = any(name.endswith(("_metrics", "_referral")) for name in saved)
        cells = tables.get("index", catalog.load("cell_index") if measured and not tables else None)

        def load_by_model(end: str) -> dict[str, Any]:
            return {name.removesuffix(end): catalog.load(name) for name in sorted(saved) if name.endswith(end)}

        judged = {name.removesuffix(end) for name in saved for end in _JUDGED if name.endswith(end)}
        chosen = next(filter(None, (fnmatch.filter(saved, name) for name in OPENED_FIRST)), ())
        print_summary(
            index=tables.get("index"),
            sources=() if cells is None else sorted(set(cells["data_source"])),
            features=tables.get("features"),
            metrics=load_by_model("_metrics"),
            promises={model: _read_promises(catalog, model) for model in sorted(judged)},
            decisions=load_by_model("_external_predictions"),
            log=shorten(log) if log else None,
            to_open=[shorten(entry._get_load_path()) for entry in map(catalog.get, chosen)],  # type: ignore[union-attr]
        )

    def close(self) -> None:
        """Take away what moves."""
        self._display.close()


def _read_promises(catalog: DataCatalog, model: str) -> list[str]:
    """Explain what a model can be relied on for."""
    from blastscreen.evaluation.promise import explain_referral, explain_sensitivity

    explanations = {"operating_point": explain_sensitivity, "referral": explain_referral}
    return [text for entry, explain in explanations.items() if (text := explain(catalog.load(f"{model}_{entry}")))]


def shorten(path: PurePath | str) -> str:
    """Spell a path from the current folder, where it lies below it."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here


def print_summary(
    *,
    index: "pd.DataFrame | None",
    sources: Sequence[str],
    features: "pd.DataFrame | None",
    metrics: Mapping[str, Mapping[str, Any]],
    promises: Mapping[str, Sequence[str]],
    decisions: "Mapping[str, pd.DataFrame]",
    log: str | None,
    to_open: Sequence[str],
) -> None:
    """Print what came in, what was kept out and why, how each model did on the test cells, and what to open.

    Args:
        index: In the schema `CELL_INDEX`, where the run made one.
        sources: Where the cells come from.
        features: In the schema `CELL_FEATURES`, where the run made one.
        metrics: Per model, by split; those of cells from outside have none.
        promises: Per model, sentences on what it can be relied on for.
        decisions: Per model, in the schema `EXTERNAL_PREDICTIONS`.
        log: Path.
        to_open: Paths.
    """
    lines: list[RenderableType] = []
    if index is not None:
        lines += [_describe_cells(index), _describe_reasons(index, features)]
    if metrics:
        tested = {model: splits.get(Split.TEST, splits) for model, splits in metrics.items()}
        lines.append(_tabulate_metrics(tested))
        if not any(any(values["intervals"].values()) for values in tested.values()):
            lines.append(
                Text("No intervals: a class has fewer than two subject groups, which can't tell how people differ.")
            )
    lines += [_describe_decisions(model, table) for model, table in decisions.items()]
    lines += _join_models(promises)
    console = Console()
    if lines:
        title = Text(": ".join(filter(None, ["blastscreen", " + ".join(sources)])))
        console.print(Panel(Group(*lines), title=title, subtitle=LIMITS))
    for line in [*([f"Log: {log}"] if log else []), *(f"Open: {path}" for path in to_open)]:
        # in one piece, however long, so that it can be copied
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _describe_cells(index: "pd.DataFrame") -> Text:
    from blastscreen.cohort.index import select_counted

    counts = Counter(index["status"])
    labels = select_counted(index).groupby("label")["subject_id"].agg(["size", "nunique"])
    cohort = ", ".join(f"{row['size']} {label} of {row['nunique']} subjects" for label, row in labels.iterrows())
    aside = f"{counts[Status.DUPLICATE]} set aside as duplicates, " if counts[Status.DUPLICATE] else ""
    return Text(
        f"{count_noun(len(index), 'file')} came in: {counts[Status.ACCEPTED]} accepted, "
        f"{counts[Status.REVIEW]} flagged for review, {aside}{counts[Status.REJECTED]} rejected. "
        f"Cells: {cohort or 'without labels'}."
    )


def _describe_reasons(index: "pd.DataFrame", features: "pd.DataFrame | None") -> Text:
    reasons: Counter[str] = Counter()
    for status in (Status.REJECTED, Status.REVIEW):
        codes = index.loc[index["status"] == status, "reasons"].str.split(";").explode()
        reasons.update(f"{Consequence.UNFIT if code in UNFIT_CODES else status}: {code}" for code in codes)
    if features is not None:
        reasons.update(f"not modelled: {reason}" for reason in features["reasons"] if reason)
    return Text("; ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())) or "No file was flagged.")


def _join_models(promises: Mapping[str, Sequence[str]]) -> list[Text]:
    """Print a sentence that holds for several models once."""
    models: dict[str, list[str]] = {}
    for model, sentences in promises.items():
        for sentence in sentences:
            models.setdefault(sentence, []).append(model)
    return [Text(f"{', '.join(names)}: {sentence}") for sentence, names in models.items()]


def _describe_decisions(model: str, files: "pd.DataFrame") -> Text:
    counts = files["decision"].value_counts()
    unfit = files.loc[is_unfit(files["reasons"]) & files["decision"].notna(), "reasons"].str.split(";")
    codes = Counter(code for code in unfit.explode() if code in UNFIT_CODES)
    reasons = ", ".join(f"{code} {n}" for code, n in sorted(codes.items()))
    decided = ", ".join(f"{counts.get(decision, 0)} {decision}" for decision in Decision)
    return Text(f"{model}: {decided}" + (f", of which {len(unfit)} unfit to be decided ({reasons})" if reasons else ""))


def _tabulate_metrics(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    # a column per model: with their intervals, all metrics side by side would be too wide for a terminal
    table = Table("test cells", *metrics, box=None)
    for name in _SHOWN_METRICS:
        cells = [_format(values[name], values["intervals"].get(name)) for values in metrics.values()]
        table.add_row(name.replace("_", " "), *cells)
    return table


def _format(value: object, interval: Mapping[str, Any] | None) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else "undefined" if value is None else str(value)
    return f"{text} ({interval['low']:.2f}-{interval['high']:.2f})" if interval else text
