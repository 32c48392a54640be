"""A run over very many files: flat memory, and killed again and again it ends with the same bits.

    python benchmarks/interruptions.py --cells 100000 --kills 5 --out interruptions.json

Drawn cells are written once and linked under many names, each within its own subject, so that the files take little
room; the standardised cells do take theirs (about 10 GB per 100,000). One run is left alone. Another is killed with
SIGKILL after a random time, started again, and so on, until the last is let through. Both must store the same.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from pipelines import make_project, run_kedro
from timing import describe_machine, write_json

from blastscreen.synthesis.drawing import write_cells
from blastscreen.synthesis.plan import plan_sample

TABLES = {
    "cell_index": "02_intermediate",
    "cell_features": "04_feature",
    "cell_splits": "05_model_input",
    "rf_predictions": "07_model_output",
}
OPTIONS = ("--env=cnmc", "--pipelines=rf")


def write_linked_folder(root: Path, n_cells: int) -> None:
    """Write up to a few hundred drawn cells and link each under many names of its own subject."""
    n_drawn = min(480, n_cells // 2)
    plans = [plan for plan in plan_sample(n_cells=n_drawn, n_subjects=n_drawn // 5, seed=42) if plan.kind == "ordinary"]
    write_cells(root, plans, seed=42)
    files = sorted(root.rglob("*.bmp"))
    for number in range(n_cells - len(files)):
        file = files[number % len(files)]
        turn = number // len(files)
        _, subject, field, cell, label = file.stem.split("_")
        os.link(file, file.with_name(f"UID_{subject}_{field}_{int(cell) + 1000 * (turn + 1)}_{label}.bmp"))


def run_with_kills(project: Path, options: Sequence[str], *, seconds: float, kills: int) -> list[str]:
    """Kill runs at random times within a share of `seconds`; gives what the last one, let through, says it skipped."""
    rng = np.random.default_rng(0)
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", "run", *options],
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds * rng.uniform(0.2, 0.6))
        process.kill()
        process.wait()
    last = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *options],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "250", "BLASTSCREEN_VERBOSE": "1"},
    )
    return re.findall(r"\d+ of \d+ (?:batches were done|files of cells were written) before", last.stdout + last.stderr)


def load_newest(project: Path, name: str, layer: str) -> pd.DataFrame:
    """Load the newest version of a table."""
    versions = sorted((project / "data" / layer / "cnmc" / f"{name}.parquet").iterdir())
    return pd.read_parquet(versions[-1] / f"{name}.parquet")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run, compare, print, and write JSON where asked; gives what it writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000, help="files (default: 100,000)")
    parser.add_argument("--kills", type=int, default=5, help="kills (default: 5)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--tiny", action="store_true", help="120 files and one kill: shows that it runs")
    options = parser.parse_args(argv)
    n_cells, kills = (120, 1) if options.tiny else (options.cells, options.kills)
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        write_linked_folder(place / "cells", n_cells)
        alone, killed = (make_project(place / name) for name in ("alone", "killed"))
        command = [*OPTIONS, f"--params=images={place / 'cells'},rf.permutation_repeats=1"]
        seconds, peak = run_kedro(alone, *command)
        skipped = run_with_kills(killed, command, seconds=seconds, kills=kills)
        for name, layer in TABLES.items():
            pd.testing.assert_frame_equal(
                load_newest(alone, name, layer), load_newest(killed, name, layer), check_exact=True
            )
    results = {
        "machine": describe_machine(),
        "n_cells": n_cells,
        "undisturbed": {"seconds": seconds, "peak_memory_mib": peak},
        "killed": {"times": kills, "skipped_by_the_last": skipped, "same_tables": sorted(TABLES)},
    }
    print(f"{n_cells:,} files: {seconds:.0f} s, {peak:.0f} MiB at most")
    print(f"killed {kills} times: the same {', '.join(TABLES)}; the last run skipped {'; '.join(skipped)}")
    if options.out:
        write_json(options.out, results)
    return results


if __name__ == "__main__":
    main()
