"""The loops that asyncio programs run in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Running = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

AT_MOST = 60.0  # seconds: a shared machine is slow at times; what hangs, hangs for good


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Running:
    """Runs a coroutine function to its end in a loop of its own, in debug mode; nothing may be left in the loop."""
    if request.param == "uvloop":
        new_loop = pytest.importorskip("uvloop", reason="uvloop is not installed").new_event_loop
    else:
        new_loop = asyncio.new_event_loop

    def running(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(AT_MOST):
                result = await main()
            assert left_in(asyncio.get_running_loop()) == []
            return result

        with asyncio.Runner(debug=True, loop_factory=new_loop) as runner:
            runner.get_loop().slow_callback_duration = AT_MOST
            return runner.run(bounded())

    return running


def left_in(loop: asyncio.AbstractEventLoop) -> list[object]:
    """Give what is scheduled and watched in a loop of asyncio's own, its own pipe apart, and what runs in any."""
    left: list[object] = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task(loop)]
    if isinstance(loop, asyncio.SelectorEventLoop):
        own = {loop._ssock.fileno()}  # type: ignore[attr-defined]
        left += [key for key in loop._selector.get_map().values() if key.fd not in own]  # type: ignore[attr-defined]
        left += [handle for handle in loop._scheduled if not handle.cancelled() and handle.when() < loop.time() + 59]  # type: ignore[attr-defined]
    return left
