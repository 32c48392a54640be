"""The one place that maps work over cores or over a cluster, and goes on where a killed run stopped."""

import hashlib
import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from joblib import effective_n_jobs, parallel_config
from joblib.externals.loky import get_reusable_executor

from blastscreen.compute.progress import Bar
from blastscreen.parameters import ComputeParameters
from blastscreen.vocabulary import Refusal

logger = logging.getLogger(__name__)

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_PATIENCE = 10  # seconds that a scheduler may take to answer
_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = ("numba", "numpy", "opencv-python-headless", "pandas", "pillow", "scikit-image", "scipy")


class ClusterError(Refusal):
    """There is no cluster to work on, or not one that would compute the same."""


class PartStore(Protocol):
    """Where the results of finished batches lie until a run ends well."""

    def read(self, key: str) -> object | None:
        """Return a whole result, or None if there is none."""

    def write(self, key: str, result: object) -> None:
        """Keep a result that JSON can spell, in one step."""


@cache
def hash_code() -> str:
    """Hash the code of this package, the Python version and those of the libraries that pixels pass through."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = {name: version(name) for name in _LIBRARIES}
    digest.update(json.dumps([sys.version_info[:2], versions]).encode())
    return digest.hexdigest()


def cache_key(*inputs: object) -> str:
    """Hash the code and all else that a result depends on, in words that JSON can spell, to 32 hexadecimal digits."""
    text = json.dumps([hash_code(), *inputs], ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def map_batches(
    function: Callable[[Batch], Result],
    batches: Iterable[Batch],
    *,
    total: int,
    settings: ComputeParameters,
    description: str,
    names: Callable[[Batch], Sequence[str]] = lambda _: (),
    finished: PartStore | None = None,
    key: Callable[[Batch], str | None] = lambda _: None,
) -> Iterator[Result]:
    """Yield `function(batch)` for every batch, in order, with a bar on a terminal.

    Work runs ahead of the consumer by at most two batches a worker, so memory stays flat as batches double. Unless the
    backend is `threading`, function, batches and results are pickled.

    Args:
        function: Applied to each batch.
        batches: Consumed lazily.
        total: Number of batches.
        settings: Backend, number of workers, address of the cluster.
        description: What the user reads beside the bar.
        names: Returns the files of a batch, for the error of a batch that fails.
        finished: Keeps results, which JSON can spell; those that are there already are taken from it.
        key: Returns the `cache_key` of a batch's result, or None: then it is not kept.

    Raises:
        Exception: What `function` raised, with a note on the batch: its position, its work, its files.
        ClusterError: There is no cluster to work on, or it runs other code.
    """
    started = time.perf_counter()
    window: deque[tuple[Future[Result], int, Sequence[str], str | None]] = deque()
    n_kept = 0

    def finish() -> Result:
        future, number, files, place = window.popleft()
        try:
            result = future.result()
        except Exception as error:
            error.add_note(f"{description}: in batch {number} of {total}{_name_files(files)}")
            raise
        if finished is not None and place is not None:
            finished.write(place, result)
        bar.advance()
        return result

    with closing(Bar(description, total=total)) as bar, _start_workers(settings) as (executor, workers):
        try:
            for number, batch in enumerate(batches, start=1):
                place = None if finished is None else key(batch)
                kept = None if finished is None or place is None else finished.read(place)
                n_kept += kept is not None
                future = executor.submit(function, batch) if kept is None else _done(kept)
                window.append((future, number, names(batch), place if kept is None else None))
                if len(window) > 2 * workers:
                    yield finish()
            while window:
                yield finish()
        finally:
            for future, *_ in window:
                future.cancel()
    if n_kept:
        logger.info("%s: %d of %d batches were done before", description, n_kept, total)
    logger.info("%s: %d batches in %.1f s", description, total, time.perf_counter() - started)


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def _name_files(files: Sequence[str]) -> str:
    if not files:
        return ""
    return f", {files[0]}" if len(files) == 1 else f", {len(files)} files from {files[0]} to {files[-1]}"


@contextmanager
def _start_workers(settings: ComputeParameters) -> Iterator[tuple[Executor, int]]:
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
