"""Long trainings that take turns epoch by epoch, each in a thread of its own of which one runs at a time."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Condition

Pause = Callable[[], None]


class Turns:
    """Passes the turn around, and notes how long each turn took."""

    def __init__(self, names: list[str]) -> None:
        """Say who takes part, in which order."""
        self.wall: dict[str, list[float]] = {name: [] for name in names}
        self.processor: dict[str, list[float]] = {name: [] for name in names}
        self._order = deque(names)
        self._passed = Condition()

    def begin(self, name: str) -> None:
        """Wait for one's turn."""
        with self._passed:
            self._passed.wait_for(lambda: self._order[0] == name)
            self._started = time.perf_counter(), time.process_time()

    def end(self, name: str) -> None:
        """Note how long it took, and let the next one go."""
        with self._passed:
            self.wall[name].append(time.perf_counter() - self._started[0])
            self.processor[name].append(time.process_time() - self._started[1])
            self._order.rotate(-1)
            self._passed.notify_all()

    def leave(self, name: str) -> None:
        """Take no more part."""
        with self._passed:
            self._order.remove(name)
            self._passed.notify_all()


def take_turns(trainings: Mapping[str, Callable[[Pause], object]]) -> Turns:
    """Run trainings side by side.

    Args:
        trainings: By name. Each is called with a function that it must call after every epoch: it returns when all
            others have done an epoch, too.

    Returns:
        Seconds of every epoch by the clock on the wall, and of the processor's time of all threads.
    """
    turns = Turns(list(trainings))

    def run(name: str) -> None:
        def pause() -> None:
            turns.end(name)
            turns.begin(name)

        turns.begin(name)
        try:
            trainings[name](pause)
        finally:
            turns.leave(name)

    with ThreadPoolExecutor(len(trainings)) as threads:
        for waiting in [threads.submit(run, name) for name in trainings]:
            waiting.result()
    return turns
