"""Which variants of the network help: each is trained on some subjects and asked about the others.

    python benchmarks/cnn_variants.py --sample --folds 2 --out docs/results/cnn_variants_sample.json
    python benchmarks/cnn_variants.py --images <folder> --folds 4 --out docs/results/cnn_variants_<folder>.json

Every variant changes one thing of the plain one, but for the last, which is the paper's. All train for a fixed number
of epochs and keep their last weights: nothing is chosen by looking at the cells that are scored. Scores are kept in the
scratch folder; a command that was stopped goes on where it was. `--table` prints what the file of `--out` holds.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from subject_folds import VIEWS, Cells, Scores, read_cells, score_once
from timing import describe_machine, write_json

from blastscreen.datasets import CellImageFolder, SampleCells
from blastscreen.parameters import CnnParameters, PreprocessingParameters

ROOT = Path(__file__).parents[1]

PLAIN: dict[str, Any] = {
    "head": "global_average",
    "normalisation": "batch",
    "batch_norm_momentum": 0.9,
    "optical_density": False,
    "loss": "binary_crossentropy",
    "class_weight": "balanced",
    "learning_rate": 0.0003,
    "rotation_degrees": 180.0,
    "shift_fraction": 0.0,
    "horizontal_flip": True,
    "vertical_flip": True,
}
_STILL: dict[str, Any] = {"rotation_degrees": 0.0, "horizontal_flip": False, "vertical_flip": False}
_PAPER_TURNS: dict[str, Any] = {"rotation_degrees": 20.0, "shift_fraction": 0.1, "vertical_flip": False}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "flatten head": {"head": "flatten"},
    "group normalisation": {"normalisation": "group"},
    "batch norm momentum 0.99": {"batch_norm_momentum": 0.99},
    "no augmentation": _STILL,
    "the paper's augmentation": _PAPER_TURNS,
    "no class weights": {"class_weight": "none"},
    "optical density": {"optical_density": True},
    "focal loss": {"loss": "focal"},
    "learning rate 0.001": {"learning_rate": 0.001},
    "all of the paper's": {"head": "flatten", "class_weight": "none", "learning_rate": 0.001, **_PAPER_TURNS},
}
"""What each variant changes of `PLAIN`; other settings are those of conf/base."""


def read_settings(**changes: Any) -> tuple[CnnParameters, PreprocessingParameters]:
    """Read conf/base, with changes to the network's block."""
    blocks = [
        yaml.safe_load((ROOT / f"conf/base/parameters/{name}.yml").read_text())[name]
        for name in ("cnn", "preprocessing")
    ]
    return (
        CnnParameters.model_validate(blocks[0] | PLAIN | {"seed": 0} | changes),
        PreprocessingParameters.model_validate(blocks[1]),
    )


def measure(cells: Cells, scores: Scores) -> dict[str, float]:
    """Measure scores (n,): AUROC over all cells at once and the mean over folds, log loss, accuracy at 0.5."""
    truth = cells.is_blast
    folds = [roc_auc_score(truth[cells.fold == n], scores[cells.fold == n]) for n in np.unique(cells.fold)]
    values = {
        "auroc": roc_auc_score(truth, scores),
        "auroc_within_folds": np.mean(folds),
        "log_loss": log_loss(truth, scores),
        "accuracy": accuracy_score(truth, scores >= 0.5),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def describe(cells: Cells, settings: CnnParameters) -> dict[str, Any]:
    """Say what was trained and on what."""
    groups = cells.table.assign(fold=cells.fold).groupby("fold")["subject_group"].unique()
    return {
        "cells": {
            "source": str(cells.table["data_source"].iloc[0]),
            "number": len(cells.table),
            "by_label": cells.table["label"].value_counts().to_dict(),
            "subjects_by_label": cells.table.groupby("label")["subject_group"].nunique().to_dict(),
            "subjects_by_fold": [sorted(names) for names in groups],
        },
        "settings": settings.model_dump(mode="json"),
        "machine": describe_machine(),
    }


def run_variants(
    cells: Cells, settings: CnnParameters, names: Sequence[str], *, n_seeds: int, out: Path, scratch: Path
) -> None:
    """Score the cells by every variant and seed, and write what is known after each of them."""
    scores: dict[str, list[Scores]] = {name: [] for name in names}
    runs = []
    # seed by seed: an unfinished file already compares all variants
    for seed in range(n_seeds):
        for name in names:
            start = time.perf_counter()
            one = CnnParameters.model_validate(settings.model_dump() | VARIANTS[name] | {"seed": seed})
            scores[name].append(score_once(cells, one, scratch))
            for views, values in zip(VIEWS, scores[name][-1], strict=True):
                runs.append({"variant": name, "seed": seed, "views": views, **measure(cells, values)})
            took = time.perf_counter() - start
            print(f"seed {seed}, {name}: AUROC {runs[-1]['auroc_within_folds']:.3f} ({took:.0f} s)", flush=True)
            means = [
                {"variant": name, "views": views, "n_networks": len(parts), **measure(cells, values)}
                for name, parts in scores.items()
                if parts
                for views, values in zip(VIEWS, np.mean(parts, axis=0), strict=True)
            ]
            write_json(out, describe(cells, settings) | {"variants": VARIANTS, "runs": runs, "averaged": means})


def format_table(results: dict[str, Any]) -> str:
    """Format results as a Markdown table; its AUROC is the mean over folds, but for the column `pooled`."""
    runs, averaged = pd.DataFrame(results["runs"]), pd.DataFrame(results["averaged"]).set_index(["variant", "views"])
    auroc = runs.set_index(["seed", "variant", "views"])["auroc_within_folds"].unstack(["variant", "views"])  # noqa: PD010
    means = runs.groupby(["variant", "views"])[["auroc", "log_loss", "accuracy"]].mean()
    lines = [
        "| variant | AUROC ± sd | against plain | one view | averaged | pooled | log loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in auroc.columns.unique("variant"):
        own, change = auroc[name, 8].dropna(), (auroc[name, 8] - auroc["plain", 8]).dropna()
        against = f"{change.mean():+.3f} ({change.min():+.3f} to {change.max():+.3f})" if name != "plain" else ""
        # of one seed there is no deviation
        deviation = f" ± {own.std():.3f}" if len(own) > 1 else ""
        cells = [
            name,
            f"{own.mean():.3f}{deviation}",
            against,
            f"{auroc[name, 1].mean():.3f}",
            f"{averaged['auroc_within_folds'][name, 8]:.3f}",
            *(f"{means[column][name, 8]:.3f}" for column in ("auroc", "log_loss")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, help="folder of real cells")
    source.add_argument("--sample", action="store_true", help="the generated sample of conf/base")
    source.add_argument("--tiny", action="store_true", help="a few generated cells: shows in seconds that this runs")
    source.add_argument("--table", action="store_true", help="train nothing, print the table of --out")
    parser.add_argument("--out", type=Path, required=True, help="file of results, JSON")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--side", type=int, default=48, help="pixels")
    parser.add_argument("--threads", type=int, default=1, help="of TensorFlow: they move the last digits")
    parser.add_argument("--scratch", type=Path, default=ROOT / "data/07_model_output/cnn_variants")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = read_arguments(argv)
    if args.tiny:
        args.folds, args.seeds, args.epochs, args.side = 2, 1, 1, 16
    if not args.table:
        settings, preprocessing = read_settings(input_side=args.side, epochs=args.epochs, n_threads=args.threads)
        n_cells, n_subjects = (20, 4) if args.tiny else (480, 24)
        images = CellImageFolder(path=str(args.images)) if args.images else None
        raw_cells = (images or SampleCells(n_cells=n_cells, n_subjects=n_subjects, seed=42)).load()
        cells = read_cells(raw_cells, n_folds=args.folds, side=args.side, settings=preprocessing)
        names = list(VARIANTS)[:2] if args.tiny else list(VARIANTS)
        run_variants(cells, settings, names, n_seeds=args.seeds, out=args.out, scratch=args.scratch)
    print(format_table(json.loads(args.out.read_text())))


if __name__ == "__main__":
    main()
