from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from app.database.tables import signing_keys
from app.main import create_app
from app.services import Services
from tests.support.account.client import BASE_URL


@pytest.fixture
async def app(services: Services) -> FastAPI:
    """An app without cached keys, on a database without keys: they belong to no account."""
    async with services.database.begin() as tx:
        await tx.execute(delete(signing_keys))
    return create_app(services)


@pytest.fixture
async def root(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client for paths outside of accounts."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE_URL) as http:
        yield http
