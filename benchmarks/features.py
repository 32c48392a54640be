"""How long the features of a cell take, from the bytes of its file, beside the libraries that the paper names.

    python benchmarks/features.py --out features.json

One thread, one process, candidates in turns, processor time. With CNMC_DIR set, the cells are the real bitmaps below
it, else drawn ones. Before anything is timed, both sides' numbers are compared. PyRadiomics and mahotas are timed on
the features that they have, too, where they are installed.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paper_stack
import yaml
from numpy.typing import NDArray
from other_libraries import SHARED, find_libraries
from timing import compare, describe_machine, ratio, write_json

from blastscreen.features import FEATURES
from blastscreen.features.cell import cut_out
from blastscreen.features.measurement import feature_names, measure_cell, measure_cells
from blastscreen.imaging.cell_stack import CellBatch
from blastscreen.imaging.decoding import decode_image
from blastscreen.imaging.intake import standardise_batch
from blastscreen.imaging.masks import cell_mask, content_box, to_grey
from blastscreen.parameters import FeatureParameters, PreprocessingParameters
from blastscreen.synthesis.drawing import draw_cell, encode_bmp
from blastscreen.synthesis.plan import plan_sample
from blastscreen.vocabulary import GENERATED_SAMPLE, Region

ROOT = Path(__file__).parents[1]
PAPERS_GROUPS = ("shape", "texture", "intensity", "edges")
FRAME = FeatureParameters(
    groups=PAPERS_GROUPS,
    region=Region.FRAME,
    gaussian_blur=False,
    canny_low=paper_stack.CANNY_LOW,
    canny_high=paper_stack.CANNY_HIGH,
    rim_width=3,
)
MAX_PIXELS = 25_000_000
LARGEST_ERROR = 1e-9
STEPS = ("decode", "box", "grey", "mask", "cut out", *PAPERS_GROUPS)

Picture = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def read_files(number: int) -> tuple[list[bytes], str]:
    """Read bitmaps of cells, real ones where CNMC_DIR names them, and say where they are from."""
    if folder := os.environ.get("CNMC_DIR"):
        paths = sorted(Path(folder).glob("C-NMC_training_data/**/*.bmp"))
        # spread over both labels and all folds
        return [path.read_bytes() for path in paths[:: max(len(paths) // number, 1)][:number]], "C-NMC 2019"
    plans = plan_sample(n_cells=64, n_subjects=8, seed=42)
    ordinary = [plan for plan in plans if plan.kind == "ordinary"][:number]
    return [encode_bmp(draw_cell(plan, seed=42)) for plan in ordinary], GENERATED_SAMPLE


def read_block(name: str) -> dict[str, Any]:
    """Read one block of the default parameters."""
    return dict(yaml.safe_load((ROOT / f"conf/base/parameters/{name}.yml").read_text())[name])


def measure_file(data: bytes, settings: FeatureParameters) -> NDArray[np.float64]:
    """Measure the features (n,) of a cell from the bytes of its file."""
    pixels = decode_image(data, suffix=".bmp", max_pixels=MAX_PIXELS).pixels
    pixels = pixels[content_box(pixels)] if settings.region == Region.CELL else pixels
    return np.array([*measure_cell(pixels, cell_mask(to_grey(pixels)), settings=settings).values()])


def run_pipeline_functions(
    files: Sequence[bytes], preprocessing: PreprocessingParameters, features: FeatureParameters
) -> None:
    """Do what the pipelines do between reading a file and writing a row, storage left out."""
    decode = partial(decode_image, suffix=".bmp", max_pixels=MAX_PIXELS)
    names = tuple(str(number) for number in range(len(files)))
    sources = [(name, partial(decode, data)) for name, data in zip(names, files, strict=True)]
    cells = standardise_batch(sources, settings=preprocessing)
    batch = CellBatch(names, 0, preprocessing.canvas, lambda start, stop: cells[start:stop])
    measure_cells(batch, settings=features)


def require_agreement(files: Sequence[bytes]) -> float:
    """Compare the numbers of both sides on the whole frame.

    Returns:
        The largest relative difference.

    Raises:
        ValueError: If one differs by more than a billionth.
    """
    own = np.array([measure_file(data, FRAME) for data in files])
    other = np.array([paper_stack.measure_file(data) for data in files])
    errors = np.abs(own / other - 1)
    worst = int(errors.max(axis=0).argmax())
    if not errors.max() <= LARGEST_ERROR:
        raise ValueError(f"{feature_names(FRAME)[worst]} differs by {errors.max():.2g}: there is nothing to compare.")
    return float(errors.max())


def compare_with_paper(files: Sequence[bytes], *, repeats: int) -> dict[str, Any]:
    """Time our features and the paper's, both from the bytes of the files."""
    cell = FeatureParameters.model_validate(read_block("features"))
    preprocessing = PreprocessingParameters.model_validate(read_block("preprocessing"))
    own: dict[str, Callable[[], object]] = {
        "whole frame, the same 15 numbers": lambda: [measure_file(data, FRAME) for data in files],
        "cell's own pixels": lambda: [measure_file(data, cell) for data in files],
        "cell's own pixels, by way of the canvas": lambda: run_pipeline_functions(files, preprocessing, cell),
    }
    reference: dict[str, Callable[[], object]] = {
        "paper": lambda: [paper_stack.measure_file(data) for data in files],
    }
    seconds = compare(reference | own, repeats=repeats, clock=time.process_time)
    return {
        "reference_ms": milliseconds(seconds["paper"], len(files)),
        "own": {
            name: {"ms": milliseconds(seconds[name], len(files)), **ratio(seconds["paper"], seconds[name])}
            for name in own
        },
    }


def time_steps(files: Sequence[bytes], *, repeats: int) -> dict[str, float]:
    """Time each step on the way from a file to the features of the cell's own pixels, in microseconds a cell."""
    settings = FeatureParameters.model_validate(read_block("features"))
    clock = time.perf_counter
    rounds = []
    for _ in range(repeats):
        stamps = [[clock(), *(clock() for _ in take_steps(data, settings))] for data in files]
        rounds.append(np.diff(stamps).mean(axis=0))
    return dict(zip(STEPS, np.round(np.median(rounds, axis=0) * 1e6, 1).tolist(), strict=True))


def take_steps(data: bytes, settings: FeatureParameters) -> Iterator[None]:
    """Measure a cell as `measure_file` does, and stop after each of the `STEPS`."""
    pixels = decode_image(data, suffix=".bmp", max_pixels=MAX_PIXELS).pixels
    yield
    box = content_box(pixels)
    yield
    grey = to_grey(pixels[box])
    yield
    mask = cell_mask(grey)
    yield
    cell = cut_out(pixels[box], mask, settings=settings)
    yield
    for group in PAPERS_GROUPS:
        FEATURES[group](cell)
        yield


def compare_with_libraries(cells: Sequence[Picture], *, repeats: int) -> dict[str, Any]:
    """Time the features that other libraries have, too, on grey images and masks cut to the cell."""
    results: dict[str, Any] = {}
    for library, measure in find_libraries().items():
        names = SHARED[library]
        groups = ("texture", "intensity") if "intensity_mean" in names else ("texture",)
        settings = FeatureParameters.model_validate(read_block("features") | {"groups": groups})
        own = partial(measure_cell, settings=settings)
        theirs = [(to_grey(pixels), mask) for pixels, mask in cells]
        errors = [
            abs(own(*cell)[name] / value - 1)
            for cell, other in zip(cells, theirs, strict=True)
            for name, value in measure(*other).items()
        ]
        seconds = compare(
            {
                "other": lambda measure=measure, theirs=theirs: [measure(*other) for other in theirs],
                "own": lambda own=own: [own(*cell) for cell in cells],
            },
            repeats=repeats,
            clock=time.process_time,
        )
        results[library] = {
            "features": names,
            "largest_difference": max(errors),
            "reference_ms": milliseconds(seconds["other"], len(cells)),
            "ms": milliseconds(seconds["own"], len(cells)),
            **ratio(seconds["other"], seconds["own"]),
        }
    return results


def milliseconds(seconds: Sequence[float], n_cells: int) -> float:
    """Turn seconds of rounds into the median, in milliseconds a cell."""
    return round(float(np.median(seconds)) * 1e3 / n_cells, 4)


def cut_cell(data: bytes) -> Picture:
    """Decode a file and cut picture and mask to the cell."""
    pixels = decode_image(data, suffix=".bmp", max_pixels=MAX_PIXELS).pixels
    pixels = pixels[content_box(pixels)]
    return pixels, cell_mask(to_grey(pixels))


def print_table(results: dict[str, Any]) -> None:
    """Print one line per comparison."""
    rows = [
        (f"{name} / the paper's libraries", results["paper"]["reference_ms"], row)
        for name, row in results["paper"]["own"].items()
    ] + [(f"shared features / {name}", row["reference_ms"], row) for name, row in results["libraries"].items()]
    print(f"{'':70} {'theirs':>9} {'ours':>9} {'times as fast':>14}")
    for name, reference, row in rows:
        spread = f"({row['low']:.1f}-{row['high']:.1f})"
        print(f"{name:70} {reference:6.2f} ms {row['ms']:6.3f} ms {row['ratio']:6.1f} {spread}")
    print("microseconds a step:", ", ".join(f"{step} {us:.0f}" for step, us in results["steps_us"].items()))


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare, print a table and, where asked, write JSON; gives what it writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=52, help="cells a round (default: 52, all real ones)")
    parser.add_argument("--repeats", type=int, default=9, help="rounds (default: 9)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--tiny", action="store_true", help="two cells and one round: shows that it runs")
    options = parser.parse_args(argv)
    n_cells, repeats = (2, 1) if options.tiny else (options.cells, options.repeats)
    cv2.setNumThreads(1)
    files, source = read_files(n_cells)
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "cells": {"source": source, "number": len(files), "repeats": repeats},
        "largest_difference": require_agreement(files),
        "paper": compare_with_paper(files, repeats=repeats),
        "steps_us": time_steps(files, repeats=repeats),
        "libraries": compare_with_libraries([cut_cell(data) for data in files], repeats=repeats),
    }
    print_table(results)
    if options.out:
        write_json(options.out, results)
    return results


if __name__ == "__main__":
    main()
