"""One bar on a terminal, nothing that moves elsewhere."""

import io
import os
import select
import sys

import pytest

from blastscreen.compute import progress
from blastscreen.compute.progress import Bar, share_progress


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns to print to, and what appeared on it."""
    ours, theirs = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    def seen():
        text = b""
        while select.select([ours], [], [], 0.2 if text else 5)[0]:
            text += os.read(ours, 100_000)
        return text.decode()

    with os.fdopen(theirs, "w") as screen:
        yield screen, seen
    os.close(ours)


def work():
    bar = Bar("Reading images", total=3)
    for _ in range(3):
        bar.advance()
    bar.close()
    bar.close()


def test_on_a_terminal_work_shows_how_far_it_is(terminal, monkeypatch):
    screen, seen = terminal
    monkeypatch.setattr(sys, "stdout", screen)
    work()
    text = seen()
    assert "Reading images" in text
    assert "3/3" in text


def test_inside_a_step_the_bar_takes_the_place_of_the_step(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdout", terminal[0])
    with share_progress() as shared:
        step = shared.add_task("rf.measure", total=None)
        bar = Bar("Reading images", total=3)
        assert [task.description for task in shared.tasks if task.visible] == ["Reading images"]
        bar.close()
        assert [task.description for task in shared.tasks if task.visible] == ["rf.measure"]
        late = Bar("Reading images", total=3)
        shared.remove_task(step)
        late.close()
        assert shared.tasks == []


def test_elsewhere_nothing_is_shown_but_a_line_a_minute(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    with share_progress():
        progress.say("begun")
        work()
        assert output.getvalue() == "begun\n"
        monkeypatch.setattr(progress, "_last_line", progress._last_line - 61)
        work()
    assert output.getvalue() == "begun\nReading images: 1 of 3\n"
