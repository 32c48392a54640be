"""Long work over many cells that goes on where an interrupted run stopped."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import pandas as pd

from blastscreen.compute.cache_key import fingerprint
from blastscreen.compute.parallel import map_batches
from blastscreen.parameters import ComputeParameters

logger = logging.getLogger(__name__)

Batch = TypeVar("Batch")
Result = TypeVar("Result")
Range = tuple[int, int]

BATCHES_PER_PART = 16
"""Batches whose results are kept in one file: enough that keeping them costs little beside computing them."""


class PartStore(Protocol):
    """Where the parts lie that were finished before an interruption."""

    def read(self, key: str) -> pd.DataFrame | None:
        """Give a whole part, or None if there is none."""

    def write(self, key: str, part: pd.DataFrame) -> None:
        """Keep a part, in one step."""


def map_parts(
    function: Callable[[Batch], Result],
    ranges: Sequence[Range],
    *,
    make_batch: Callable[[int, int], Batch],
    identify: Callable[[int, int], Sequence[object] | None],
    tabulate: Callable[[list[Result]], pd.DataFrame],
    parts: PartStore,
    settings: ComputeParameters,
    description: str,
    names: Callable[[Batch], Sequence[str]],
) -> Iterator[pd.DataFrame]:
    """Tabulate ranges of cells in order, as `map_batches` does; what an interrupted run had finished is not done again.

    Args:
        function: Sees a batch; what it gives follows from nothing but the cells and what `identify` tells.
        ranges: Consecutive (start, stop) pairs.
        make_batch: Gives the batch of a range.
        identify: Says what the rows of a range follow from, in words that JSON can spell, or None if that is unknown:
            then nothing is kept.
        tabulate: Makes a table, one row per cell, of what the function gave for a few batches.
        parts: Where finished parts lie.
        settings: As for `map_batches`.
        description: What the user reads beside the progress bar; also part of what identifies a part.
        names: Names the files of a batch, for the error of a batch that fails.

    Yields:
        Tables, in the order of the ranges.
    """
    groups = [ranges[start : start + BATCHES_PER_PART] for start in range(0, len(ranges), BATCHES_PER_PART)]
    identities = [identify(group[0][0], group[-1][1]) for group in groups]
    keys = [None if identity is None else fingerprint([description, *identity]) for identity in identities]
    # read at once: another run that ends may remove them
    finished = [None if key is None else parts.read(key) for key in keys]
    todo = [bounds for group, part in zip(groups, finished, strict=True) if part is None for bounds in group]
    if len(todo) < len(ranges):
        logger.info("%s: %d of %d batches were done before", description, len(ranges) - len(todo), len(ranges))
    batches = (make_batch(*bounds) for bounds in todo)
    results = map_batches(function, batches, total=len(todo), settings=settings, description=description, names=names)
    for group, key, part in zip(groups, keys, finished, strict=True):
        if part is not None:
            yield part
            continue
        table = tabulate([next(results) for _ in group])
        if key is not None:
            parts.write(key, table)
        yield table
    next(results, None)  # lets it end, and say how long the work took
