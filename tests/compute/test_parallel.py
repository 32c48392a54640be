"""Order, bounded look-ahead and errors of the parallel map."""

import threading

import pytest

from blastscreen.compute.parallel import map_batches
from blastscreen.parameters import ComputeParameters


def settings(backend="threading", n_jobs=2):
    return ComputeParameters(backend=backend, n_jobs=n_jobs, scheduler="", batch_size=4)


def fail_on_three(batch):
    if 3 in batch:
        raise ZeroDivisionError("three")
    return batch


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_results_come_in_the_order_of_the_batches(backend):
    batches = [[number, -number] for number in range(20)]
    results = map_batches(sorted, iter(batches), total=20, settings=settings(backend), description="Sorting")
    assert list(results) == [[-number, number] for number in range(20)]


def test_work_runs_ahead_of_a_slow_consumer_by_a_bounded_number_of_batches():
    started = []
    lock = threading.Lock()

    def note(batch):
        with lock:
            started.append(batch)
        return batch

    results = map_batches(note, range(1000), total=1000, settings=settings(), description="Noting")
    assert [next(results) for _ in range(10)] == list(range(10))
    results.close()
    assert 10 <= len(started) <= 10 + 2 * 2


def test_an_error_says_which_batch_of_which_work_it_came_from():
    batches = [[1], [2], [3], [4]]
    with pytest.raises(ZeroDivisionError, match="three") as caught:
        list(map_batches(fail_on_three, batches, total=4, settings=settings(n_jobs=1), description="Failing"))
    assert caught.value.__notes__ == ["Failing: in batch 3 of 4"]
