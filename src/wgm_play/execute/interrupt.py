"""Ctrl-C, SIGTERM and SIGHUP end a run in the same way: cancelled on the server too, and resumable.

In: signals. Out: KeyboardInterrupt in the main thread, which psycopg turns into a cancel of the running statement.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,)


def _raise(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt what runs inside, as Ctrl-C does."""
    with _handlers(SIGNALS, _raise):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal interrupt what runs inside: the clean-up after the first one."""
    with _handlers((signal.SIGINT, *SIGNALS), signal.SIG_IGN):
        yield


@contextmanager
def _handlers(numbers: tuple[signal.Signals, ...], handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread only
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)
