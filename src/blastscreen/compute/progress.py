"""The one bar on the screen: what is under way, and how far it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

_QUIET = 60  # seconds after which long work says, where there is no terminal, how far it is

_shared: Progress | None = None
_last_line = 0.0


class _Count(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


def _make_progress() -> Progress:
    console = Console()
    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), text, BarColumn(bar_width=24), _Count(), TimeElapsedColumn())
    # into a file it would write an empty line each time
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def share_progress() -> Iterator[Progress]:
    """Keep one display on a terminal, which every `Bar` inside the block is part of; elsewhere nothing is shown."""
    global _shared
    with _make_progress() as _shared:
        try:
            yield _shared
        finally:
            _shared = None


def say(line: str) -> None:
    """Print a line that stays, above whatever moves."""
    global _last_line
    _last_line = time.monotonic()
    console = _shared.console if _shared else Console()
    console.print(line, soft_wrap=True, markup=False, highlight=False)


class Bar:
    """A bar for work of `total` pieces; while it is there it takes the place of the shared one's other lines."""

    def __init__(self, description: str, *, total: int) -> None:
        self._shared = _shared
        self._progress = _shared or _make_progress()
        self._hidden = [task.id for task in self._progress.tasks if task.visible]
        for task in self._hidden:
            self._progress.update(task, visible=False)
        self._task = self._progress.add_task(description, total=total)
        if self._shared is None:
            self._progress.start()

    def advance(self) -> None:
        """Count a piece; without a terminal, print a line about once a minute."""
        self._progress.advance(self._task)
        if self._progress.disable and self._shared and time.monotonic() > _last_line + _QUIET:
            task = self._progress.tasks[self._progress.task_ids.index(self._task)]
            say(f"{task.description}: {task.completed:.0f} of {task.total:.0f}")

    def close(self) -> None:
        """Remove the bar."""
        if self._shared is None:
            self._progress.stop()
        elif self._task in self._progress.task_ids:
            self._progress.remove_task(self._task)
            for task in set(self._hidden).intersection(self._progress.task_ids):
                self._progress.update(task, visible=True)
