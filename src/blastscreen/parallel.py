"""The one place that maps work over the cores of a machine."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from joblib import effective_n_jobs, parallel_config
from joblib.externals.loky import get_reusable_executor
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from blastscreen.parameters import ComputeParameters

logger = logging.getLogger(__name__)

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def map_batches(
    function: Callable[[Batch], Result],
    batches: Iterable[Batch],
    *,
    total: int,
    settings: ComputeParameters,
    description: str,
) -> Iterator[Result]:
    """Yield `function(batch)` for every batch, in order, with progress on standard error.

    Work runs ahead of the consumer by at most two batches a worker, so memory stays bounded whatever the number of
    batches.

    Args:
        function: Applied to each batch. With backend `loky` it and its results are pickled.
        batches: Consumed lazily.
        total: Number of batches, for the progress display.
        settings: Backend and number of workers.
        description: What the user reads beside the progress bar.

    Yields:
        One result per batch, in the order of the batches.

    Raises:
        Exception: What `function` raised, with a note that names the batch's position and the work it belonged to.
    """
    started = time.perf_counter()
    workers = effective_n_jobs(settings.n_jobs)
    window: deque[Future[Result]] = deque()
    with progress_bar() as progress, _executor(settings.backend, workers) as executor:
        task = progress.add_task(description, total=total)
        try:
            for number, batch in enumerate(batches, start=1):
                window.append(executor.submit(_run_batch, function, description, total, number, batch))
                if len(window) > 2 * workers:
                    yield window.popleft().result()
                    progress.advance(task)
            while window:
                yield window.popleft().result()
                progress.advance(task)
        finally:
            for future in window:
                future.cancel()
    logger.info("%s: %d batches in %.1f s", description, total, time.perf_counter() - started)


@contextmanager
def _executor(backend: str, workers: int) -> Iterator[Executor]:
    if backend == "threading":
        with ThreadPoolExecutor(workers) as executor:
            yield executor
    else:
        # Reused by later calls, so that processes start once; they end by themselves when idle.
        yield get_reusable_executor(max_workers=workers)


def _run_batch(function: Callable[[Batch], Result], description: str, total: int, number: int, batch: Batch) -> Result:
    try:
        return function(batch)
    except Exception as error:
        error.add_note(f"{description}: in batch {number} of {total}")
        raise


def progress_bar() -> Progress:
    """Make the bar that long work shows on a terminal, and takes away when it ends."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        # into a file it would write an empty line each time
        disable=not console.is_terminal,
    )


@contextmanager
def use_cores(settings: ComputeParameters) -> Iterator[None]:
    """Let scikit-learn use the configured number of threads inside a `with` block; results do not depend on it."""
    with parallel_config(backend="threading", n_jobs=settings.n_jobs):
        yield


def ranges(length: int, size: int) -> list[tuple[int, int]]:
    """Cut `range(length)` into consecutive (start, stop) pairs of at most `size`.

    Examples:
        >>> ranges(5, 2)
        [(0, 2), (2, 4), (4, 5)]
    """
    return [(start, min(start + size, length)) for start in range(0, length, size)]
