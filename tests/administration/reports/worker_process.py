"""A worker process for a test to kill: `passgate worker` with shorter intervals."""

import asyncio

from app.core.settings import load_settings
from app.services import make_services
from app.worker import run_worker
from tests.support.observe.jobs import QUICK


async def main() -> None:
    await run_worker(make_services(load_settings()), asyncio.Event(), QUICK)


if __name__ == "__main__":
    asyncio.run(main())
