"""Hypothesis inside the tests' event loop: it runs in a thread, and what it tries runs in the loop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE_SECONDS = 60


class Bridge:
    """Leads from a thread back to the event loop in which the services live."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the loop do the work, and wait for it: to be called in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)


async def beside(work: Callable[[Bridge], None]) -> None:
    """Run `work` in a thread, with a bridge back to this loop."""
    await asyncio.to_thread(work, Bridge())
