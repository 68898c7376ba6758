"""Running Hypothesis with async code: itself in a thread, its examples in the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE_SECONDS = 60


class Bridge:
    """Runs coroutines from a thread in the event loop of the services."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine in the event loop, and wait for it; call this from the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)


async def beside(work: Callable[[Bridge], None]) -> None:
    """Run `work` in a thread, with a bridge back to this loop."""
    await asyncio.to_thread(work, Bridge())
