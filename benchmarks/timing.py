"""Fair timings: candidates take turns in one process, so whatever else the machine does meets all alike."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = ("numpy", "opencv-python-headless", "scikit-image", "scikit-learn", "tensorflow", "keras")


def compare(
    candidates: Mapping[str, Callable[[], object]], *, repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Time candidates in turns.

    Args:
        candidates: What to call, by name. Each is called once beforehand, untimed.
        repeats: Rounds. Every other round runs in reverse order, so that none always follows the same one.
        clock: Gives the time in seconds: `time.process_time` where nothing waits and one thread does all, so that a
            busy machine counts for less.

    Returns:
        Seconds of each round, by name.
    """
    for call in candidates.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(repeats):
        for name in list(candidates)[:: -1 if number % 2 else 1]:
            start = clock()
            candidates[name]()
            seconds[name].append(clock() - start)
    return seconds


def ratio(reference: list[float], own: list[float]) -> dict[str, float]:
    """Tell how many times faster than a reference something is.

    Args:
        reference: Seconds of each round.
        own: Seconds of the same rounds.

    Returns:
        `ratio` (median over rounds; above 1: own is faster), and `low` and `high` (the extreme rounds).

    Raises:
        ValueError: If the rounds differ in number, or there is none.

    Example:
        >>> ratio([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
        {'ratio': 3.0, 'low': 2.0, 'high': 4.0}
    """
    if not own:
        raise ValueError("There is no round to compare: time at least one (repeats >= 1).")
    rounds = [other / mine for other, mine in zip(reference, own, strict=True)]
    return {"ratio": float(np.median(rounds)), "low": min(rounds), "high": max(rounds)}


def describe_machine() -> dict[str, Any]:
    """Describe what the timings were taken on: processor, cores this process may use, memory, and versions."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write results as indented JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_text(json.dumps(content, indent=2) + "\n")
    hidden.replace(path)
