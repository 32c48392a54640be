"""The one place that maps work over the cores of a machine, or over a cluster."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

from joblib import effective_n_jobs, parallel_config
from joblib.externals.loky import get_reusable_executor

from blastscreen.compute.cache_key import code_fingerprint
from blastscreen.compute.progress import Bar
from blastscreen.parameters import ComputeParameters
from blastscreen.vocabulary import Refusal

logger = logging.getLogger(__name__)

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_PATIENCE = 10
"""Seconds that a scheduler may take to answer."""


class ClusterError(Refusal):
    """There is no cluster to work on, or not one that would compute the same."""


def map_batches(
    function: Callable[[Batch], Result],
    batches: Iterable[Batch],
    *,
    total: int,
    settings: ComputeParameters,
    description: str,
    names: Callable[[Batch], Sequence[str]] | None = None,
) -> Iterator[Result]:
    """Yield `function(batch)` for every batch, in order, with a bar on a terminal.

    Work runs ahead of the consumer by at most two batches a worker, so memory stays bounded whatever the number of
    batches.

    Args:
        function: Applied to each batch. Unless the backend is `threading`, it, the batches and its results are pickled.
        batches: Consumed lazily.
        total: Number of batches, for the progress display.
        settings: Backend, number of workers, address of the cluster.
        description: What the user reads beside the progress bar.
        names: Names the files of a batch, for the error of a batch that fails.

    Yields:
        One result per batch, in the order of the batches.

    Raises:
        Exception: What `function` raised, with a note on the batch: its position, its work, its files.
        ClusterError: There is no cluster to work on, or it runs other code.
    """
    started = time.perf_counter()
    window: deque[tuple[Future[Result], int, Sequence[str]]] = deque()

    def finish() -> Result:
        future, number, files = window.popleft()
        try:
            return future.result()
        except Exception as error:
            error.add_note(f"{description}: in batch {number} of {total}{_name_files(files)}")
            raise

    with closing(Bar(description, total=total)) as bar, _start_workers(settings) as (executor, workers):
        try:
            for number, batch in enumerate(batches, start=1):
                files = names(batch) if names else ()
                window.append((executor.submit(function, batch), number, files))
                if len(window) > 2 * workers:
                    yield finish()
                    bar.advance()
            while window:
                yield finish()
                bar.advance()
        finally:
            for future, *_ in window:
                future.cancel()
    logger.info("%s: %d batches in %.1f s", description, total, time.perf_counter() - started)


def _name_files(files: Sequence[str]) -> str:
    if not files:
        return ""
    return f", {files[0]}" if len(files) == 1 else f", {len(files)} files from {files[0]} to {files[-1]}"


@contextmanager
def _start_workers(settings: ComputeParameters) -> Iterator[tuple[Executor, int]]:
    """Give what runs functions, and on how many workers."""
    workers = effective_n_jobs(settings.n_jobs)
    match settings.backend:
        case "threading":
            with ThreadPoolExecutor(workers) as executor:
                yield executor, workers
        case "loky":
            # Reused by later calls, so that processes start once; they end by themselves when idle.
            yield get_reusable_executor(max_workers=workers), workers
        case "dask":
            with _connect(settings.scheduler) as connection:
                yield connection


@contextmanager
def _connect(scheduler: str) -> Iterator[tuple[Executor, int]]:
    """Give the workers of a Dask cluster, after a look at whether they compute as we do."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(
            "compute.backend=dask needs Dask. In a clone: make dev. Elsewhere: pip install 'blastscreen[distributed]'"
        ) from error
    try:
        client = Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"No Dask scheduler answers at '{scheduler}' ({error}). Start one with `dask scheduler`, and give its "
            "address: --params=compute.backend=dask,compute.scheduler=tcp://<host>:8786"
        ) from error
    with client:
        codes = client.run(code_fingerprint)
        other = [worker for worker, code in codes.items() if code != code_fingerprint()]
        if not codes or other:
            raise ClusterError(
                f"{len(other)} of the {len(codes)} workers at {scheduler} run another version of blastscreen or of its "
                f"libraries, such as {other[0]}. Install the same lock file everywhere, then start the workers again"
                if codes
                else f"The scheduler at {scheduler} has no workers. Start some: dask worker {scheduler}"
            )
        yield client.get_executor(pure=False), sum(client.nthreads().values())


@contextmanager
def use_cores(settings: ComputeParameters) -> Iterator[None]:
    """Let scikit-learn use the configured number of threads inside a `with` block; results do not depend on it."""
    with parallel_config(backend="threading", n_jobs=settings.n_jobs):
        yield
