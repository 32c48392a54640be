"""The pipelines over a folder of drawn cells: time beside the paper's libraries, and memory as the folder grows.

    python benchmarks/pipelines.py --cells 2000 --out pipelines.json

Writes two folders of 450 x 450 bitmaps into a temporary place, one with twice the files of the other (0.6 GB per
thousand), and runs `kedro run` on each in a process of its own: start-up, listing, both passes over the files and all
saving are in its time. The paper's libraries read the same files in as many processes as there are cores. Before either
is timed, all files are read once: where memory allows, they then come from the page cache and not from the disk.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pandas as pd
import paper_stack
from timing import describe_machine, ratio, write_json

from blastscreen.datasets.whole_files import write_digest
from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import feature_columns

ROOT = Path(__file__).parents[1]
DISTINCT = 40
FOREST_NODES = ["rf.train_forest", "rf.predict_cells", "rf.measure_importances"]


def make_project(folder: Path) -> Path:
    """Copy what `kedro run` needs, so that no result of the checkout is touched."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder)
    (folder / "src").mkdir()
    (folder / "conf/local").mkdir()
    return folder


def write_folder(root: Path, n_cells: int) -> None:
    """Write drawn cells: few different ones, each in many positions."""
    plans = plan_sample(n_cells=n_cells, n_subjects=24, seed=42)
    write_cells(root, plans, seed=42, distinct=min(DISTINCT, n_cells // 4))


def run_kedro(project: Path, *options: str) -> tuple[float, float]:
    """Run Kedro in a process of its own; seconds, and the most memory that it held (MiB).

    Raises:
        RuntimeError: If the run fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", "run", *options],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"kedro run {' '.join(options)} failed:\n{output[-3000:]}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def _measure_file(path: Path) -> np.ndarray[Any, Any]:
    cv2.setNumThreads(1)
    return paper_stack.measure_file(path.read_bytes())


def read_files(folder: Path) -> None:
    """Read all files once, so that none has to come from the disk in what is timed next."""
    for path in folder.rglob("*.bmp"):
        path.read_bytes()


def run_paper_stack(folder: Path, *, processes: int) -> float:
    """Measure all files of a folder with the paper's libraries; seconds, the start of the processes left out."""
    read_files(folder)
    paths = sorted(folder.rglob("*.bmp"))
    with get_context("spawn").Pool(processes) as pool:
        pool.map(_measure_file, paths[:processes], chunksize=1)
        start = time.perf_counter()
        pool.map(_measure_file, paths, chunksize=16)
        return time.perf_counter() - start


def measure_folder(project: Path, folder: Path, *settings: str) -> tuple[float, float]:
    """Run everything up to the features of the files in a folder; see `run_kedro`."""
    read_files(folder)
    params = ",".join([f"images={folder}", *settings])
    return run_kedro(project, "--env=cnmc", "--pipelines=feature_engineering", f"--params={params}")


def compare_speed(project: Path, folder: Path, *, repeats: int) -> tuple[dict[str, dict[str, Any]], float]:
    """Time the pipelines as they are set, with one worker and with processes, and the paper's libraries, in turns.

    Returns:
        How many times as fast the pipelines are as each of the others, and the most memory (MiB) that they held.
    """
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    own, peaks = [], []
    others: dict[str, list[float]] = {"paper": [], "one_worker": [], "processes": []}
    for _ in range(repeats):
        seconds, peak = measure_folder(project, folder)
        own.append(seconds)
        peaks.append(peak)
        others["paper"].append(run_paper_stack(folder, processes=processes))
        others["one_worker"].append(measure_folder(project, folder, "compute.n_jobs=1")[0])
        others["processes"].append(measure_folder(project, folder, "compute.backend=loky")[0])
    both = {"seconds": float(np.median(own)), "workers": processes}
    rows = {
        name: ratio(other, own) | {"reference_seconds": float(np.median(other))} | both
        for name, other in others.items()
    }
    return rows, max(peaks)


class Clock:
    """Adds up the time within functions, once where they call each other."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def time(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        @wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            if self._inside:
                return function(*args, **options)
            self._inside = True
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.perf_counter() - start
                self._inside = False

        return timed


def blur_features(project: Path) -> None:
    """Add noise to the newest stored features, so that trees grow as they do on real cells.

    The few drawn cells are told apart by small trees, however often they come. In real ones the classes overlap, and
    trees are about twice as large; noise of half a standard deviation makes them so here.
    """
    path = max((project / "data/04_feature/cnmc/cell_features.parquet").glob("*/*.parquet"))
    features = pd.read_parquet(path)
    measured = features[feature_columns(features)]
    noise = np.random.default_rng(42).normal(scale=0.5, size=measured.shape) * measured.std().to_numpy()
    features.assign(**(measured + noise)).to_parquet(path, index=False)
    write_digest(path)


def run_forest_nodes(project: Path) -> tuple[float, float]:
    """Run the nodes of pipeline `rf` on stored features; seconds in all, and within scikit-learn."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from sklearn import metrics
    from sklearn.ensemble import RandomForestClassifier

    clock = Clock()
    with (
        patch.object(RandomForestClassifier, "fit", clock.time(RandomForestClassifier.fit)),
        patch.object(RandomForestClassifier, "predict_proba", clock.time(RandomForestClassifier.predict_proba)),
        patch.object(metrics, "roc_auc_score", clock.time(metrics.roc_auc_score)),
    ):
        bootstrap_project(project)
        with KedroSession.create(project, env="cnmc") as session:
            session.load_context()
            start = time.perf_counter()
            session.run(pipeline_names=["rf"], node_names=FOREST_NODES)
            total = time.perf_counter() - start
    return total, clock.seconds


def share_of_sklearn(project: Path) -> dict[str, float]:
    """Run the nodes of pipeline `rf` twice: the share of the time that scikit-learn's own work takes.

    Its own work is what it does with data: `RandomForestClassifier.fit` and `predict_proba`, and `roc_auc_score`, with
    their checks of what they are given. Against it count joining, shuffling and checking tables, reading, writing and
    auditing the model, Kedro and its hooks; in the first run also the import of what Kedro asks for only when it needs
    it, such as skops, which is done by the second: `share_once_imported`.
    """
    (first, of_first), (second, of_second) = run_forest_nodes(project), run_forest_nodes(project)
    return {
        "share": of_first / first,
        "seconds": first,
        "share_once_imported": of_second / second,
        "seconds_once_imported": second,
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare, print, and write JSON where asked; gives what it writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=2000, help="files of the smaller folder (default: 2000)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--tiny", action="store_true", help="120 cells and one round: shows that it runs")
    options = parser.parse_args(argv)
    n_cells, repeats = (120, 1) if options.tiny else (options.cells, options.repeats)
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        project = make_project(place / "project")
        write_folder(place / "cells", n_cells)
        if not options.tiny:
            # not timed: leaves byte code and compiled loops behind, as any first run does
            run_kedro(project, "--env=cnmc", "--pipelines=rf", f"--params=images={place / 'cells'}")
        speed, peak = compare_speed(project, place / "cells", repeats=repeats)
        blur_features(project)
        forest = share_of_sklearn(project)
        write_folder(place / "twice", 2 * n_cells)  # last, so that it does not push the others out of memory
        _, peak_twice = measure_folder(project, place / "twice")
    results = {
        "machine": describe_machine(),
        "n_cells": n_cells,
        "features_against": speed,
        "peak_memory_mib": {"n_cells": peak, "twice_n_cells": peak_twice, "ratio": peak_twice / peak},
        "rf_share_of_sklearn": forest,
    }
    _print(results)
    if options.out:
        write_json(options.out, results)
    return results


def _print(results: dict[str, Any]) -> None:
    memory = results["peak_memory_mib"]
    print(f"preprocessing + feature_engineering over {results['n_cells']:,} files:")
    for name, row in results["features_against"].items():
        print(f"  {row['ratio']:.2f} times as fast ({row['low']:.2f}-{row['high']:.2f}) as {name.replace('_', ' ')}")
        print(f"    {row['seconds']:.1f} s against {row['reference_seconds']:.1f} s")
    print(f"  peak memory {memory['n_cells']:.0f} MiB; with twice the files {memory['ratio']:.2f} times as much")
    forest = results["rf_share_of_sklearn"]
    print(f"rf: scikit-learn takes {forest['share']:.0%} of the nodes' time, {forest['seconds']:.1f} s")
    print(f"  with all imported, {forest['share_once_imported']:.0%} of {forest['seconds_once_imported']:.1f} s")


if __name__ == "__main__":
    main()
