"""Ctrl-C while a network is trained.

What a signal's handler raises is thrown wherever the program happens to be. Where that is the removal of an object
(`__del__`), which Keras and TensorFlow do at any time, Python drops the exception, and training would go on.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def hold_ctrl_c() -> Iterator[Callable[..., None]]:
    """Hold Ctrl-C back until a moment that suits.

    The function that is given is to be called at such moments, with any arguments: it does what Ctrl-C would have done,
    if it was pressed. So does the end of the block. Pressed once more, Ctrl-C is not held back. Outside the main
    thread, and where Ctrl-C is ignored or ends the program without Python, nothing is changed.
    """
    usual = signal.getsignal(signal.SIGINT)
    pressed = False

    def remember(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, usual)

    def obey(*_: object, **__: object) -> None:
        if pressed and callable(usual):
            usual(signal.SIGINT, None)

    holding = callable(usual) and threading.current_thread() is threading.main_thread()
    if holding:
        signal.signal(signal.SIGINT, remember)
    try:
        yield obey
    finally:
        if holding and not pressed:
            signal.signal(signal.SIGINT, usual)
    obey()
