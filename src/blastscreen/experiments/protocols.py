"""The audit of the protocol: the same models, with cells split by subject or by image, on either region's pixels."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import join_sources
from blastscreen.compute.parallel import PartStore
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
from blastscreen.features.measurement import measure_features
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.checkpoints import Checkpoint
from blastscreen.models.estimators import ForestParameters
from blastscreen.models.tabular import blast_probability, fit_classifier, training_table
from blastscreen.parameters import AuditParameters, CnnParameters, ComputeParameters, FeatureParameters, SplitParameters
from blastscreen.vocabulary import Region, Split, SplitStrategy, feature_columns

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
_AREA = "area"
_OTHER = {Region.CELL: Region.FRAME, Region.FRAME: Region.CELL}


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

    Seeds of folds and models begin with that of `split_settings`; the division of `splits` is not used. The table is in
    the schema `AUDIT`.

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
    return blast_probability(fit_classifier(cells, settings=forest), cells[cells["split"] == Split.TEST])


def audit_networks(
    stack: CellStack, splits: pd.DataFrame, seeds: Sequence[int], *, network: CnnParameters, compute: ComputeParameters
) -> list[dict[str, object]]:
    """Cross-validate the network by subject and by image; it sees cells on black, so no protocol has the frame."""
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
    from blastscreen.models.prediction import predict_images
    from blastscreen.models.training import train_network

    trained, _ = train_network(stack, cells, _NoCheckpoints(), network, compute)
    # validation cells need no prediction
    tested = cells.replace({"split": {Split.VALIDATION.value: Split.TRAIN.value}})
    predictions = predict_images(trained, stack, tested, network).set_index("image_id")
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
    """Subtract what a model and seed reach without a choice from what they reach with it.

    The rows are in the order of `CHOICES` within a model. A choice whose protocols a model does not have is left out.
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
    """Summarise every protocol (`rows`) and choice (`flattery`) over the seeds: mean, low, high and sd of each measure.

    Low and high are the extremes of any seed: they show how far the draw of the folds moves a number, and are no
    interval for what other subjects would give. `n_better` counts the seeds in which a choice raises the AUROC.
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


def measure_other_region(
    stack: CellStack, finished: PartStore, *, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features over the region that `settings`, the run's own, does not have; see `measure_features`."""
    other = settings.model_copy(update={"region": _OTHER[settings.region]})
    return measure_features(stack, finished, settings=other, compute=compute)


def pair_regions(
    features: pd.DataFrame, other_features: pd.DataFrame, splits: pd.DataFrame, *, settings: FeatureParameters
) -> pd.DataFrame:
    """Join the features of both regions, for the cells that have all of them in both: two rows per cell, with `region`.

    Raises:
        ValueError: Mismatched image ids.
    """
    tables = {settings.region: training_table(features, splits)}
    tables[_OTHER[settings.region]] = training_table(other_features, splits)
    paired = pd.concat([tables[region].assign(region=region.value) for region in sorted(tables)], ignore_index=True)
    in_both = paired.groupby("image_id")["region"].transform("size") == len(tables)
    columns = ["region", *paired.columns.drop("region")]
    return paired.loc[in_both, columns].reset_index(drop=True).astype({"region": "str"})


def correlate_with_area(cells: pd.DataFrame) -> pd.DataFrame:
    """Correlate every other feature with the area of the cell, in each region, in the schema `AREA_CORRELATIONS`.

    NaN where a feature or the area is the same for all cells, or the area was not measured.
    """
    names, parts = feature_columns(cells), []
    for region, of_region in cells.groupby("region"):
        of_area = {
            method: of_region[names].corr(method).reindex(columns=[_AREA])[_AREA] for method in ("pearson", "spearman")
        }
        parts.append(pd.DataFrame(of_area).drop(index=_AREA, errors="ignore").assign(region=region))
    table = pd.concat(parts).rename_axis("feature").reset_index().astype({"region": "str", "feature": "str"})
    return table[["region", "feature", "pearson", "spearman"]].assign(data_source=join_sources(cells))
