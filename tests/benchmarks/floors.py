"""The floors: the most that the same server, driver and hash can do."""

import os
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import asyncpg
from argon2 import PasswordHasher
from fastapi import FastAPI, Request
from pydantic import BaseModel

from app.crypto import argon2
from app.crypto.passwords import NICENESS, Argon2Parameters

ROWS = 10_000
_COST = Argon2Parameters()
_PASSWORD = b"a long enough password"


class Body(BaseModel):
    """A body like that of the passcode step."""

    sign_in_token: str
    passcode: str


class Answer(BaseModel):
    """A small answer."""

    status: str
    count: int


def floor_app() -> FastAPI:
    """Return (a) a bare route with a body, and (b) the same with one durable UPDATE."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["FLOOR_DATABASE_URL"], min_size=10, max_size=10) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/bare")
    async def bare(body: Body) -> Answer:
        return Answer(status=body.passcode, count=1)

    @app.post("/update")
    async def update(request: Request, body: Body) -> Answer:
        count = await request.app.state.pool.fetchval(
            "UPDATE floor SET count = count + 1 WHERE id = $1 RETURNING count", secrets.randbelow(ROWS)
        )
        return Answer(status=body.passcode, count=count)

    return app


async def prepare_floor(url: str) -> None:
    """Create the table that floor (b) updates."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE floor (id int PRIMARY KEY, count bigint) WITH (fillfactor = 70)")
    await connection.execute("INSERT INTO floor SELECT n, 0 FROM generate_series(0, $1::int - 1) n", ROWS)
    await connection.execute("VACUUM ANALYZE floor")
    await connection.close()


def _lower_thread_priority() -> None:
    # The same priority as the service's hashing threads, so that other load slows both equally.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def hash_rate(seconds: float) -> float:
    """Return floor (c): the Argon2id verifications per second of all cores, without other load.

    It uses argon2-cffi, as most Python services do; this service uses libsodium.
    """
    hasher = PasswordHasher(_COST.time_cost, _COST.memory_kib, 1)
    stored = hasher.hash(_PASSWORD)
    return _rate(lambda: hasher.verify(stored, _PASSWORD), seconds)


def service_hash_rate(seconds: float) -> float:
    """Return the same as `hash_rate`, with the service's own implementation."""
    stored = argon2.hash_(_PASSWORD, passes=_COST.time_cost, memory_kib=_COST.memory_kib)
    return _rate(lambda: argon2.matches(stored, _PASSWORD), seconds)


def _rate(verify: Callable[[], bool], seconds: float) -> float:
    ends = time.perf_counter() + seconds

    def again(_: int) -> int:
        done = 0
        while time.perf_counter() < ends:
            verify()
            done += 1
        return done

    cores = len(os.sched_getaffinity(0))
    begun = time.perf_counter()
    with ThreadPoolExecutor(cores, initializer=_lower_thread_priority) as threads:
        done = sum(threads.map(again, range(cores)))
    return done / (time.perf_counter() - begun)
