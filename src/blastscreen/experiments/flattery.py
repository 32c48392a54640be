"""The audit in a few numbers."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from blastscreen.schemas import AUDIT
from blastscreen.vocabulary import Region, SplitStrategy


class Protocol(NamedTuple):
    """How a model is trained and tested."""

    strategy: SplitStrategy
    region: Region


HONEST = Protocol(SplitStrategy.SUBJECT, Region.CELL)

CHOICES: Mapping[str, tuple[Protocol, Protocol]] = {
    "splitting by image": (HONEST, Protocol(SplitStrategy.IMAGE, Region.CELL)),
    "measuring the whole frame": (HONEST, Protocol(SplitStrategy.SUBJECT, Region.FRAME)),
    "both": (HONEST, Protocol(SplitStrategy.IMAGE, Region.FRAME)),
    "splitting by image when the whole frame is measured": (
        Protocol(SplitStrategy.SUBJECT, Region.FRAME),
        Protocol(SplitStrategy.IMAGE, Region.FRAME),
    ),
}
"""Choices of a protocol: what is chosen, the protocol without the choice, and the one with it."""

MEASURES = ("auroc", "accuracy", "f1_weighted")


def tabulate_audit(records: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Make one table of the records of all models.

    Returns:
        Table in the schema `AUDIT`, in the order of the records.
    """
    return pd.DataFrame.from_records(list(records), columns=list(AUDIT.columns))


def compare_protocols(results: pd.DataFrame) -> pd.DataFrame:
    """Subtract what the same model and seed reach without a choice from what they reach with it.

    Args:
        results: In the schema `AUDIT`.

    Returns:
        model, choice, seed and the differences auroc, accuracy, f1_weighted (positive: the choice flatters); in the
        order of `CHOICES` within a model. A choice whose protocols a model does not have is left out.
    """
    parts = []
    for model, of_model in results.groupby("model", sort=False):
        protocols = {
            Protocol(SplitStrategy(str(strategy)), Region(str(region))): rows
            for (strategy, region), rows in of_model.groupby(["strategy", "region"])
        }
        for choice, (without, chosen) in CHOICES.items():
            if without in protocols and chosen in protocols:
                values = [protocols[protocol].set_index("seed")[list(MEASURES)] for protocol in (without, chosen)]
                difference = (values[1] - values[0]).reset_index()
                parts.append(difference.assign(model=model, choice=choice))
    return pd.concat(parts, ignore_index=True)[["model", "choice", "seed", *MEASURES]]


def summarise_audit(results: pd.DataFrame, *, note: str) -> dict[str, Any]:
    """Summarise every protocol and every choice over the seeds.

    Low and high are the lowest and highest value of any seed: they show how far the draw of the folds moves a number,
    and are no interval for what other subjects would give.

    Args:
        results: In the schema `AUDIT`.
        note: On the source of the cells, "" for none.

    Returns:
        n_seeds, n_folds; `rows`, one per model and protocol, with mean, low, high and sd of each measure; `flattery`,
        one per model and choice, with mean, low and high of the differences of each measure and `n_better`, the seeds
        in which the choice raises the AUROC; note. Plain numbers, ready for JSON.
    """
    rows = [
        {"model": model, "strategy": strategy, "region": region} | {name: _describe(of[name]) for name in MEASURES}
        for (model, strategy, region), of in results.groupby(["model", "strategy", "region"], sort=False)
    ]
    flattery = [
        {"choice": choice, "model": model}
        | {name: _describe(of[name]) for name in MEASURES}
        | {"n_better": int((of["auroc"] > 0).sum())}
        for (model, choice), of in compare_protocols(results).groupby(["model", "choice"], sort=False)
    ]
    return {
        "n_seeds": int(results["seed"].nunique()),
        "n_folds": int(results["n_folds"].max()),
        "rows": rows,
        "flattery": flattery,
        "note": note,
    }


def _describe(values: "pd.Series[float]") -> dict[str, float]:
    return {
        "mean": float(values.mean()),
        "low": float(values.min()),
        "high": float(values.max()),
        "sd": float(values.std()),
    }
