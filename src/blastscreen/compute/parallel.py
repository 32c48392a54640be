"""The one place that maps work over cores or over a cluster, and goes on where a killed run stopped."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

from joblib import effective_n_jobs, parallel_config
from joblib.externals.loky import get_reusable_executor

from blastscreen.compute.cache_key import hash_code
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


class PartStore(Protocol):
    """Where the results of finished batches lie until a run ends well."""

    def read(self, key: str) -> object | None:
        """Return a whole result, or None if there is none."""

    def write(self, key: str, result: object) -> None:
        """Keep a result that JSON can spell, in one step."""


@dataclass(frozen=True)
class Resume(Generic[Batch]):
    """How a batch that an interrupted run had finished is found again.

    Attributes:
        parts: Where results lie.
        key: Returns the `cache_key` of a batch's result, or None where it is unknown: then nothing is kept.
    """

    parts: PartStore
    key: Callable[[Batch], str | None]


@dataclass(frozen=True)
class _Work(Generic[Result]):
    """A batch under way."""

    future: "Future[Result]"
    number: int
    files: Sequence[str]
    key: str | None


def map_batches(
    function: Callable[[Batch], Result],
    batches: Iterable[Batch],
    *,
    total: int,
    settings: ComputeParameters,
    description: str,
    names: Callable[[Batch], Sequence[str]] = lambda _: (),
    resume: Resume[Batch] | None = None,
) -> Iterator[Result]:
    """Yield `function(batch)` for every batch, in order, with a bar on a terminal.

    Work runs ahead of the consumer by at most two batches a worker, so memory stays flat as batches double.

    Args:
        function: Applied to each batch. Unless the backend is `threading`, it, the batches and its results are pickled.
        batches: Consumed lazily.
        total: Number of batches, for the progress display.
        settings: Backend, number of workers, address of the cluster.
        description: What the user reads beside the progress bar.
        names: Returns the files of a batch, for the error of a batch that fails.
        resume: Keeps results, which JSON can spell, and takes those that are kept already. Not kept unless given.

    Raises:
        Exception: What `function` raised, with a note on the batch: its position, its work, its files.
        ClusterError: There is no cluster to work on, or it runs other code.
    """
    started = time.perf_counter()
    window: deque[_Work[Result]] = deque()
    n_kept = 0

    def finish() -> Result:
        work = window.popleft()
        try:
            result = work.future.result()
        except Exception as error:
            error.add_note(f"{description}: in batch {work.number} of {total}{_name_files(work.files)}")
            raise
        if resume and work.key is not None:
            resume.parts.write(work.key, result)
        bar.advance()
        return result

    with closing(Bar(description, total=total)) as bar, _start_workers(settings) as (executor, workers):
        try:
            for number, batch in enumerate(batches, start=1):
                key = resume.key(batch) if resume else None
                kept: Future[Result] | None = _find(resume, key)
                n_kept += kept is not None
                future = kept or executor.submit(function, batch)
                window.append(_Work(future, number, names(batch), None if kept else key))
                if len(window) > 2 * workers:
                    yield finish()
            while window:
                yield finish()
        finally:
            for work in window:
                work.future.cancel()
    if n_kept:
        logger.info("%s: %d of %d batches were done before", description, n_kept, total)
    logger.info("%s: %d batches in %.1f s", description, total, time.perf_counter() - started)


def _find(resume: Resume[Batch] | None, key: str | None) -> "Future[Result] | None":
    result = resume.parts.read(key) if resume and key is not None else None
    if result is None:
        return None
    found: Future[Result] = Future()
    found.set_result(result)  # type: ignore[arg-type]  # the key says that `function` returned it
    return found


def _name_files(files: Sequence[str]) -> str:
    if not files:
        return ""
    return f", {files[0]}" if len(files) == 1 else f", {len(files)} files from {files[0]} to {files[-1]}"


@contextmanager
def _start_workers(settings: ComputeParameters) -> Iterator[tuple[Executor, int]]:
    """Yield what runs functions, and on how many workers."""
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
    """Yield the workers of a Dask cluster, after a look at whether they compute as we do."""
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
        codes = client.run(hash_code)
        other = [worker for worker, code in codes.items() if code != hash_code()]
        if not codes:
            raise ClusterError(f"The scheduler at {scheduler} has no workers. Start some: dask worker {scheduler}")
        if other:
            raise ClusterError(
                f"{len(other)} of the {len(codes)} workers at {scheduler} run another version of blastscreen or of its "
                f"libraries, such as {other[0]}. Install the same lock file everywhere, then start the workers again"
            )
        yield client.get_executor(pure=False), sum(client.nthreads().values())


def gather(results: Iterator[Result], size: int = 16) -> Iterator[list[Result]]:
    """Yield lists of up to `size` results: a table of many costs hardly more than a table of one."""
    while group := list(islice(results, size)):
        yield group


@contextmanager
def use_cores(settings: ComputeParameters) -> Iterator[None]:
    """Let scikit-learn use the configured number of threads inside a `with` block; results do not depend on it."""
    with parallel_config(backend="threading", n_jobs=settings.n_jobs):
        yield
