"""The audit of the protocol: the same models, with cells split by subject or by image, on either region's pixels."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import join_sources
from blastscreen.experiments.cross_validation import (
    STRATEGIES,
    HeldOut,
    Run,
    count_folds,
    cross_validate,
    hold_out,
    list_seeds,
    score_folds,
)
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.checkpoints import Checkpoint
from blastscreen.models.random_forest import blast_probability, fit_forest
from blastscreen.parameters import AuditParameters, CnnParameters, ComputeParameters, ForestParameters, SplitParameters
from blastscreen.vocabulary import Region, Split, SplitStrategy

HONEST = (SplitStrategy.SUBJECT, Region.CELL)
CHOICES = {
    "splitting by image": (HONEST, (SplitStrategy.IMAGE, Region.CELL)),
    "measuring the whole frame": (HONEST, (SplitStrategy.SUBJECT, Region.FRAME)),
    "both": (HONEST, (SplitStrategy.IMAGE, Region.FRAME)),
    "splitting by image when the whole frame is measured": (
        (SplitStrategy.SUBJECT, Region.FRAME),
        (SplitStrategy.IMAGE, Region.FRAME),
    ),
}
"""Choices of a protocol: what is chosen, the protocol without the choice, and the one with it."""

MEASURES = ["auroc", "accuracy", "f1_weighted"]


def audit_protocols(
    cells: pd.DataFrame,
    stack: CellStack,
    splits: pd.DataFrame,
    *,
    settings: AuditParameters,
    split_settings: SplitParameters,
    forest: ForestParameters,
    network: CnnParameters,
    compute: ComputeParameters,
) -> pd.DataFrame:
    """Cross-validate the forest, and the network if the settings ask for it, under every protocol and seed.

    Seeds of folds and models begin with that of `split_settings`; the division of `splits` is not used.

    Returns:
        Table in the schema `AUDIT`.

    Raises:
        CohortError: A class has fewer subject groups than folds are needed: two, or three for networks.
    """
    seeds = list_seeds(split_settings.seed, settings.n_seeds)
    records = audit_forests(cells, seeds, forest=forest, compute=compute)
    if settings.networks:
        records += audit_networks(stack, splits, seeds, network=network, compute=compute)
    return pd.DataFrame(records).assign(data_source=join_sources(cells))


def audit_forests(
    cells: pd.DataFrame, seeds: Sequence[int], *, forest: ForestParameters, compute: ComputeParameters
) -> list[dict[str, object]]:
    """Cross-validate the forest, by subject and by image, on features of the cell and of the frame."""
    predict = {seed: partial(predict_held_out, forest=forest.model_copy(update={"seed": seed})) for seed in seeds}
    runs = [
        Run(strategy, region, seed, predict[seed]) for strategy in STRATEGIES for region in Region for seed in seeds
    ]
    found = cross_validate(cells, runs, compute=compute, description="Auditing the forest")
    tables = {region: cells[cells["region"] == region] for region in Region}
    return [_record("rf", run, tables[run.region], held_out) for run, held_out in zip(runs, found, strict=True)]


def predict_held_out(cells: pd.DataFrame, *, forest: ForestParameters) -> NDArray[np.float64]:
    """Predict the cells in split test by a forest of those in split train."""
    return blast_probability(fit_forest(cells, settings=forest), cells[cells["split"] == Split.TEST])


def audit_networks(
    stack: CellStack, splits: pd.DataFrame, seeds: Sequence[int], *, network: CnnParameters, compute: ComputeParameters
) -> list[dict[str, object]]:
    """Cross-validate the network by subject and by image.

    Standardised cells lie on black: the network sees nothing but the cell, so that no protocol has the whole frame.
    """
    # in the order of the stack, in which probabilities come
    cells = splits.set_index("image_id").loc[list(stack.image_ids)].reset_index()
    n_folds = count_folds(cells, fewest=len(Split))
    records = []
    for strategy in STRATEGIES:
        for seed in seeds:
            one = network.model_copy(update={"seed": seed, "resume": False})
            predict = partial(_predict_by_network, stack=stack, network=one, compute=compute)
            run = Run(strategy, Region.CELL, seed, predict)
            records.append(_record("cnn", run, cells, hold_out(run, cells, n_folds=n_folds, validates=True)))
    return records


def _predict_by_network(
    cells: pd.DataFrame, *, stack: CellStack, network: CnnParameters, compute: ComputeParameters
) -> "pd.Series[float]":
    from blastscreen.models.gathering import gather_cells
    from blastscreen.models.prediction import predict_cells
    from blastscreen.models.training import train_network

    train, validation = gather_cells(stack, cells, settings=network, compute=compute)
    trained, _ = train_network(train, validation, settings=network, checkpoints=_NoCheckpoints())
    # validation cells need no prediction
    tested = cells.replace({"split": {Split.VALIDATION.value: Split.TRAIN.value}})
    predictions = predict_cells(trained, stack, tested, settings=network).set_index("image_id")
    return predictions["blast_probability"].loc[cells.loc[cells["split"] == Split.TEST, "image_id"]]


class _NoCheckpoints:
    """Keep nothing: an interrupted audit starts again."""

    def read(self) -> None: ...

    def write(self, checkpoint: Checkpoint) -> None: ...

    def clear(self) -> None: ...


def _record(model: str, run: Run, cells: pd.DataFrame, held_out: HeldOut) -> dict[str, object]:
    protocol = {"model": model, "strategy": run.strategy.value, "region": run.region.value, "seed": run.seed}
    return protocol | score_folds(cells, held_out)


def compare_protocols(results: pd.DataFrame) -> pd.DataFrame:
    """Subtract what a model and seed reach without a choice from what the same reach with it.

    Returns:
        model, choice, seed and the differences of `MEASURES` (positive: the choice flatters), in the order of `CHOICES`
        within a model. A choice whose protocols a model does not have is left out.
    """
    parts = []
    for model, of_model in results.groupby("model", sort=False):
        of_protocol = {key: rows.set_index("seed")[MEASURES] for key, rows in of_model.groupby(["strategy", "region"])}
        parts += [
            (of_protocol[chosen] - of_protocol[without]).reset_index().assign(model=model, choice=choice)
            for choice, (without, chosen) in CHOICES.items()
            if without in of_protocol and chosen in of_protocol
        ]
    return pd.concat(parts, ignore_index=True)[["model", "choice", "seed", *MEASURES]]


def summarise_audit(results: pd.DataFrame) -> dict[str, Any]:
    """Summarise every protocol and every choice over the seeds: mean, low, high and sd of each measure.

    Low and high are the lowest and highest value of any seed: they show how far the draw of the folds moves a number,
    and are no interval for what other subjects would give.

    Returns:
        data_source, n_seeds, n_folds; `rows`, one per model and protocol; `flattery`, one per model and choice, with
        `n_better`, the seeds in which the choice raises the AUROC.
    """
    flattery = _summarise(compare_protocols(results), by=["choice", "model"])
    return {
        "data_source": join_sources(results),
        "n_seeds": int(results["seed"].nunique()),
        "n_folds": int(results["n_folds"].max()),
        "rows": [row for row, _ in _summarise(results, by=["model", "strategy", "region"])],
        "flattery": [row | {"n_better": int((gains["auroc"] > 0).sum())} for row, gains in flattery],
    }


def _summarise(table: pd.DataFrame, *, by: list[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    found: list[tuple[dict[str, Any], pd.DataFrame]] = []
    for key, rows in table.groupby(by, sort=False):
        spread = rows[MEASURES].agg(["mean", "min", "max", "std"]).set_axis(["mean", "low", "high", "sd"])
        found.append((dict(zip(by, key, strict=True)) | {name: spread[name].to_dict() for name in MEASURES}, rows))
    return found
