"""Ctrl-C in a training is neither lost nor obeyed just anywhere."""

import os
import signal
import threading

import pytest

from blastscreen.models.checkpoints import hold_ctrl_c

pytestmark = pytest.mark.usefixtures("hear_ctrl_c")


def press():
    os.kill(os.getpid(), signal.SIGINT)


def take(steps, done):
    with hold_ctrl_c() as obey:
        for step in steps.split():
            {"press": press, "obey": lambda: obey(0, logs=None), "work": lambda: done.append("work")}[step]()


@pytest.mark.parametrize(
    ("steps", "n_done"),
    [("obey press work obey work", 1), ("press work work", 2), ("press work press work", 1)],
    ids=["it waits for a moment that suits", "or for the end", "the second does not wait"],
)
def test_ctrl_c_is_obeyed_in_time(steps, n_done):
    done = []
    with pytest.raises(KeyboardInterrupt):
        take(steps, done)
    assert len(done) == n_done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("usual", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_afterwards_ctrl_c_does_what_it_did_before(usual):
    signal.signal(signal.SIGINT, usual)
    with hold_ctrl_c() as obey:
        obey()
        assert (signal.getsignal(signal.SIGINT) is not usual) == callable(usual)
    assert signal.getsignal(signal.SIGINT) is usual


def test_in_another_thread_nothing_is_changed():
    done = []
    thread = threading.Thread(target=take, args=("obey work", done))
    thread.start()
    thread.join()
    assert done == ["work"]
