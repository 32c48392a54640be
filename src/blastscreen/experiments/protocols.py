"""The audit of the protocol: the same models, with cells split by subject or by image, on either region's pixels."""

import logging
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import join_sources
from blastscreen.compute.parallel import map_batches, use_cores
from blastscreen.experiments.cross_validation import (
    STRATEGIES,
    count_folds,
    draw_folds,
    list_seeds,
    predict_held_out,
    score_folds,
)
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.checkpoints import Checkpoint
from blastscreen.models.random_forest import fit_forest
from blastscreen.parameters import AuditParameters, CnnParameters, ComputeParameters, ForestParameters, SplitParameters
from blastscreen.vocabulary import Region, Split, SplitStrategy

logger = logging.getLogger(__name__)


class Protocol(NamedTuple):
    """How a model is trained and tested."""

    strategy: SplitStrategy
    region: Region


HONEST = Protocol(SplitStrategy.SUBJECT, Region.CELL)
CHOICES = {
    "splitting by image": (HONEST, Protocol(SplitStrategy.IMAGE, Region.CELL)),
    "measuring the whole frame": (HONEST, Protocol(SplitStrategy.SUBJECT, Region.FRAME)),
    "both": (HONEST, Protocol(SplitStrategy.IMAGE, Region.FRAME)),
    "splitting by image when the whole frame is measured": (
        Protocol(SplitStrategy.SUBJECT, Region.FRAME),
        Protocol(SplitStrategy.IMAGE, Region.FRAME),
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

    Args:
        cells: Result of `pair_regions`.
        stack: `cell_images`.
        splits: `cell_splits`; its own division is not used.
        settings: Number of seeds, and whether networks are trained.
        split_settings: The first seed, of folds and models; the others follow.
        forest: Trees and class weight.
        network: Shape and training.
        compute: Workers; their number does not change the result.

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
    cells: pd.DataFrame, seeds: list[int], *, forest: ForestParameters, compute: ComputeParameters
) -> list[dict[str, object]]:
    """Cross-validate the forest, by subject and by image, on features of the cell and of the frame."""
    runs = [(Protocol(strategy, region), seed) for strategy in STRATEGIES for region in Region for seed in seeds]
    of_runs, of_trees = divide_cores(compute)
    n_folds = count_folds(cells, fewest=2)
    audit = partial(_audit_forest, cells=cells, forest=forest, n_folds=n_folds, compute=of_trees)
    return list(map_batches(audit, runs, total=len(runs), settings=of_runs, description="Auditing the forest"))


def _audit_forest(
    run: tuple[Protocol, int],
    *,
    cells: pd.DataFrame,
    forest: ForestParameters,
    n_folds: int,
    compute: ComputeParameters,
) -> dict[str, object]:
    protocol, seed = run
    table = cells[cells["region"] == protocol.region]
    fold = draw_folds(table, strategy=protocol.strategy, n_folds=n_folds, seed=seed)
    fit = partial(fit_forest, settings=forest.model_copy(update={"seed": seed}))
    with use_cores(compute):
        probability = predict_held_out(table, fold, fit=fit)
    return _describe_run("rf", protocol, seed) | score_folds(table, probability, fold)


def _describe_run(model: str, protocol: Protocol, seed: int) -> dict[str, object]:
    return {"model": model, "strategy": protocol.strategy.value, "region": protocol.region.value, "seed": seed}


def divide_cores(compute: ComputeParameters) -> tuple[ComputeParameters, ComputeParameters]:
    """Divide workers between forests and the trees of one: threads go to the trees, processes to the forests.

    While scikit-learn fits it replaces Python's warning filters, which all threads share: forests that are fitted by
    threads side by side disturb each other.
    """
    alone = compute.model_copy(update={"n_jobs": 1})
    return (alone, compute) if compute.backend == "threading" else (compute, alone)


def audit_networks(
    stack: CellStack, splits: pd.DataFrame, seeds: list[int], *, network: CnnParameters, compute: ComputeParameters
) -> list[dict[str, object]]:
    """Cross-validate the network by subject and by image.

    The fold after the one held out validates, the others train. Standardised cells lie on black: the network sees the
    pixels of the cell and nothing else, so that no protocol has the whole frame.
    """
    # in the order of the stack, in which probabilities come
    cells = splits.set_index("image_id").loc[list(stack.image_ids)].reset_index()
    n_folds = count_folds(cells, fewest=len(Split))
    records = []
    for strategy in STRATEGIES:
        for seed in seeds:
            fold = draw_folds(cells, strategy=strategy, n_folds=n_folds, seed=seed)
            one = network.model_copy(update={"seed": seed, "resume": False})
            probability = _predict_held_out_by_network(stack, cells, fold, settings=one, compute=compute)
            run = _describe_run("cnn", Protocol(strategy, Region.CELL), seed)
            records.append(run | score_folds(cells, probability, fold))
            logger.info("Audited the network, splitting by %s, seed %d", strategy, seed)
    return records


def _predict_held_out_by_network(
    stack: CellStack,
    cells: pd.DataFrame,
    fold: NDArray[np.intp],
    *,
    settings: CnnParameters,
    compute: ComputeParameters,
) -> NDArray[np.float64]:
    from blastscreen.models.gathering import gather_cells
    from blastscreen.models.prediction import predict_cells
    from blastscreen.models.training import train_network

    n_folds = int(fold.max()) + 1
    probability = np.empty(len(cells))
    for number in range(n_folds):
        held_out = fold == number
        validating = fold == (number + 1) % n_folds
        roles = np.select([held_out, validating], [Split.TEST.value, Split.VALIDATION.value], Split.TRAIN.value)
        train, validation = gather_cells(stack, cells.assign(split=roles), settings=settings, compute=compute)
        fitted, _ = train_network(train, validation, settings=settings, checkpoints=_NoCheckpoints())
        # validation cells need no prediction
        tested = cells.assign(split=np.where(held_out, Split.TEST.value, Split.TRAIN.value))
        predictions = predict_cells(fitted, stack, tested, settings=settings).set_index("image_id")
        probability[held_out] = predictions["blast_probability"].loc[cells.loc[held_out, "image_id"]]
    return probability


class _NoCheckpoints:
    """Keep nothing: an interrupted audit starts again."""

    def read(self) -> Checkpoint | None:
        return None

    def write(self, checkpoint: Checkpoint) -> None:
        pass

    def clear(self) -> None:
        pass


def compare_protocols(results: pd.DataFrame) -> pd.DataFrame:
    """Subtract what a model and seed reach without a choice from what the same reach with it.

    Args:
        results: In the schema `AUDIT`.

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
    """Summarise every protocol and every choice over the seeds.

    Low and high are the lowest and highest value of any seed: they show how far the draw of the folds moves a number,
    and are no interval for what other subjects would give.

    Args:
        results: In the schema `AUDIT`.

    Returns:
        data_source, n_seeds, n_folds; `rows`, one per model and protocol; `flattery`, one per model and choice, with
        `n_better`, the seeds in which the choice raises the AUROC. Each has mean, low, high and sd of each measure.
    """
    differences = compare_protocols(results)
    n_better = (differences["auroc"] > 0).groupby([differences["choice"], differences["model"]]).sum()
    flattery = _summarise(differences, by=["choice", "model"])
    return {
        "data_source": join_sources(results),
        "n_seeds": int(results["seed"].nunique()),
        "n_folds": int(results["n_folds"].max()),
        "rows": _summarise(results, by=["model", "strategy", "region"]),
        "flattery": [row | {"n_better": int(n_better[row["choice"], row["model"]])} for row in flattery],
    }


def _summarise(table: pd.DataFrame, *, by: list[str]) -> list[dict[str, Any]]:
    return [
        dict(zip(by, key, strict=True))
        | {
            name: {
                "mean": float(rows[name].mean()),
                "low": float(rows[name].min()),
                "high": float(rows[name].max()),
                "sd": float(rows[name].std()),
            }
            for name in MEASURES
        }
        for key, rows in table.groupby(by, sort=False)
    ]
