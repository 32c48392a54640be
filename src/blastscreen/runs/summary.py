"""The last lines of a run on the screen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from blastscreen.cohort.index import select_counted
from blastscreen.vocabulary import UNFIT_CODES, Consequence, Decision, Split, Status, count_noun, is_unfit

LIMITS = "research use only, not a medical device"
_SHOWN_METRICS = ("n_cells", "n_unfit", "n_subjects", "threshold", "accuracy", "sensitivity", "specificity", "auroc")


def print_summary(
    *,
    index: pd.DataFrame | None,
    sources: Sequence[str],
    features: pd.DataFrame | None,
    metrics: Mapping[str, Mapping[str, Any]],
    promises: Mapping[str, Sequence[str]],
    decisions: Mapping[str, pd.DataFrame],
    log: str | None,
    to_open: Sequence[str],
    console: Console | None = None,
) -> None:
    """Print what came in, what was kept out and why, how each model did on the test cells, and what to open.

    Args:
        index: In the schema `CELL_INDEX`, where the run made one.
        sources: Where the cells come from.
        features: In the schema `CELL_FEATURES`, where the run made one.
        metrics: Per model, its metrics per split; those of cells from outside have none.
        promises: Per model, sentences on what it can be relied on for.
        decisions: Per model what it decided on files from outside, in the schema `EXTERNAL_PREDICTIONS`.
        log: Path of the run's log.
        to_open: Files to look at.
        console: Standard output by default.
    """
    lines: list[RenderableType] = []
    if index is not None:
        lines += [_describe_cells(index), _describe_reasons(index, features)]
    if metrics:
        lines.append(_tabulate_metrics(metrics))
        if not any(interval for splits in metrics.values() for interval in _tested(splits)["intervals"].values()):
            lines.append(
                Text("No intervals: a class has fewer than two subject groups, which can't tell how people differ.")
            )
    lines += [_describe_decisions(model, table) for model, table in decisions.items()]
    lines += _join_models(promises)
    console = console or Console()
    if lines:
        title = Text(": ".join(filter(None, ["blastscreen", " + ".join(sources)])))
        console.print(Panel(Group(*lines), title=title, subtitle=LIMITS))
    for line in [*([f"Log: {log}"] if log else []), *(f"Open: {path}" for path in to_open)]:
        # in one piece, however long, so that it can be copied
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _describe_cells(index: pd.DataFrame) -> Text:
    counts = Counter(index["status"])
    labels = select_counted(index).groupby("label")["subject_id"].agg(["size", "nunique"])
    cohort = ", ".join(f"{row['size']} {label} of {row['nunique']} subjects" for label, row in labels.iterrows())
    aside = f"{counts[Status.DUPLICATE]} set aside as duplicates, " if counts[Status.DUPLICATE] else ""
    return Text(
        f"{count_noun(len(index), 'file')} came in: {counts[Status.ACCEPTED]} accepted, "
        f"{counts[Status.REVIEW]} flagged for review, {aside}{counts[Status.REJECTED]} rejected. "
        f"Cells: {cohort or 'without labels'}."
    )


def _describe_reasons(index: pd.DataFrame, features: pd.DataFrame | None) -> Text:
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


def _describe_decisions(model: str, files: pd.DataFrame) -> Text:
    counts = files["decision"].value_counts()
    unfit = files.loc[is_unfit(files["reasons"]) & files["decision"].notna(), "reasons"].str.split(";")
    codes = Counter(code for code in unfit.explode() if code in UNFIT_CODES)
    reasons = ", ".join(f"{code} {n}" for code, n in sorted(codes.items()))
    decided = ", ".join(f"{counts.get(decision, 0)} {decision}" for decision in Decision)
    return Text(f"{model}: {decided}" + (f", of which {len(unfit)} unfit to be decided ({reasons})" if reasons else ""))


def _tabulate_metrics(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    # a column per model: with their intervals, all metrics side by side would be too wide for a terminal
    table = Table("test cells", *metrics, box=None)
    described = [_tested(splits) for splits in metrics.values()]
    for name in _SHOWN_METRICS:
        cells = [_format(values[name], values["intervals"].get(name)) for values in described]
        table.add_row(name.replace("_", " "), *cells)
    return table


def _tested(splits: Mapping[str, Any]) -> Mapping[str, Any]:
    tested: Mapping[str, Any] = splits.get(Split.TEST, splits)
    return tested


def _format(value: object, interval: Mapping[str, Any] | None) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else "undefined" if value is None else str(value)
    return f"{text} ({interval['low']:.2f}-{interval['high']:.2f})" if interval else text
