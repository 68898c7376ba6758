"""The same account behind another setting, and another account behind the same."""

import dataclasses
from typing import Any

from app.main import create_app
from tests.support.arrange import Place, make_place
from tests.support.client import Client, client_of

HTTPS_URL = "https://passgate.example"


def variant(place: Place, **changes: Any) -> Place:
    """Return the same account, served by a second application whose services differ in `changes`."""
    services = dataclasses.replace(place.services, **changes)
    return Place(create_app(services), services, place.clock, place.account)


def with_settings(place: Place, **changes: Any) -> Place:
    """Return the same account, served by a second application whose settings differ in `changes`."""
    return variant(place, settings=place.services.settings.model_copy(update=changes))


def over_https(place: Place) -> tuple[Place, Client]:
    """Return the account as it is behind an https public URL, and a browser that is there."""
    secured = with_settings(place, public_url=HTTPS_URL)
    return secured, client_of(secured.app, place.account.slug, base_url=HTTPS_URL)


async def another_account(place: Place) -> Place:
    """Return a second account in the same service, with nobody in it."""
    return await make_place(place.app, place.services, place.clock)
