"""No two threads read a project at once: who is cancelled while one reads goes on when that has ended."""

from __future__ import annotations

import asyncio
import threading

import pytest

from wgm_play.editor.server import _to_its_end


def test_who_is_cancelled_waits_for_the_thread() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        begun.set()
        may_end.wait(30)
        ended.set()

    async def cancelled() -> None:
        task = asyncio.create_task(_to_its_end(read))
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(cancelled())
