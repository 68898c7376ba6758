"""Signing keys: made once, sealed, published before signing and until the last token ends."""

import asyncio
import base64
import dataclasses

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import InvalidKeyIdError
from sqlalchemy import delete, select, text, update

from app.core.callers import Role
from app.core.secret_keys import new_key_setting, parse_keys
from app.core.settings import Settings
from app.credentials.identity_tokens.use_cases import KeyRing, rotate_signing_key
from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.database.tables import signing_keys
from app.main import create_app
from app.services import Services
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import client_of
from tests.support.account.clock import TurnableClock
from tests.support.account.identity_tokens import AUDIENCE, ask_token, fetch_keys, header_of, verify
from tests.support.programs.instances import crowd_of, running_instances

MEMBERS = {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def kids(root: httpx.AsyncClient) -> list[str]:
    return [key["kid"] for key in (await fetch_keys(root))["keys"]]


async def signed_by(person: SimulatedUser) -> str:
    kid: str = header_of(await ask_token(person))["kid"]
    return kid


async def rows(services: Services) -> list[dict[str, object]]:
    async with services.database.read() as tx:
        return [dict(row._mapping) for row in await tx.execute(select(signing_keys))]  # noqa: SLF001 -- public


async def test_the_keys_are_public_and_may_be_cached_for_five_minutes(root: httpx.AsyncClient) -> None:
    response = await root.get("/.well-known/jwks.json")

    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["content-type"] == "application/json"
    [key] = response.json()["keys"]
    assert set(response.json()) == {"keys"}
    assert set(key) == MEMBERS
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    for coordinate in ("x", "y"):
        assert len(base64.urlsafe_b64decode(key[coordinate] + "=")) == 32


async def test_the_first_request_for_the_keys_gets_the_one_that_will_sign(
    tenant: Tenant, root: httpx.AsyncClient
) -> None:
    [kid] = await kids(root)

    assert await signed_by(await tenant.signed_in()) == kid


async def test_the_private_key_is_stored_only_sealed(
    tenant: Tenant, root: httpx.AsyncClient, services: Services
) -> None:
    await ask_token(await tenant.signed_in())
    [public] = (await fetch_keys(root))["keys"]
    [row] = await rows(services)
    sealed = row["sealed_private_key"]
    assert isinstance(sealed, bytes)
    id_, account = row["id"], row["account_id"]
    associated = AssociatedData("signing_keys", "sealed_private_key", account, id_, None)  # type: ignore[arg-type]  # both are UUIDs
    opened = services.sealer.open(sealed, associated)
    key = load_pem_private_key(opened, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    secret = key.private_numbers().private_value.to_bytes(32)
    assert key.public_key().public_numbers().x.to_bytes(32) == base64.urlsafe_b64decode(public["x"] + "=")

    async with services.database.read() as tx:
        dump = [str(line) for (line,) in await tx.execute(text("SELECT signing_keys::text FROM signing_keys"))]
    hidden = [secret.hex(), base64.b64encode(secret).decode()[:40], "PRIVATE", b"PRIVATE".hex()]
    hidden += [line.hex() for line in opened.splitlines()]
    assert not [found for found in hidden for line in dump if found in line]
    assert "d" not in public


async def test_a_key_sealed_by_another_secret_is_an_error_and_is_not_replaced(services: Services) -> None:
    await KeyRing(services).signer()
    stranger = dataclasses.replace(services, sealer=Sealer(parse_keys(new_key_setting())))

    with pytest.raises(SealBroken):
        await KeyRing(stranger).signer()

    assert len(await rows(services)) == 1


async def test_a_key_that_somebody_wrote_into_the_table_is_not_published(services: Services) -> None:
    await KeyRing(services).signer()
    async with services.database.begin() as tx:
        await tx.execute(
            text(
                "INSERT INTO signing_keys (account_id, id, generation, sealed_private_key, signs_from) "
                "SELECT account_id, gen_random_uuid(), 2, sealed_private_key, signs_from FROM signing_keys"
            )
        )

    with pytest.raises(SealBroken):
        await KeyRing(services).public_keys()


async def test_instances_that_start_at_once_make_one_key(
    tenant: Tenant, services: Services, settings: Settings, clock: TurnableClock
) -> None:
    people = [await tenant.signed_in() for _ in range(8)]
    for _ in range(3):
        async with services.database.begin() as tx:
            await tx.execute(delete(signing_keys))
        with running_instances(settings, clock, count=2) as instances:
            async with crowd_of(instances, tenant.account.slug) as crowd, httpx.AsyncClient() as http:
                answers = await asyncio.gather(
                    *(
                        crowd.post("/session/identity-token", {"audience": AUDIENCE}, token=person.browser.token)
                        for person in people
                        for _ in range(2)
                    )
                )
                published = [await fetch_keys(http, instance.url) for instance in instances]

        tokens = [answer.json()["token"] for answer in answers]
        assert len({header_of(token)["kid"] for token in tokens}) == 1
        assert published[0] == published[1]
        assert len(published[0]["keys"]) == 1
        for token in tokens:
            verify(token, published[0], clock)
        assert len(await rows(services)) == 1


async def test_concurrent_rotations_make_one_next_key(root: httpx.AsyncClient, services: Services) -> None:
    await kids(root)

    moments = await asyncio.gather(*(rotate_signing_key(services) for _ in range(8)))

    assert len(set(moments)) == 1
    assert [row["generation"] for row in await rows(services)] == [1, 2]


async def test_a_new_key_is_published_for_an_hour_before_it_signs(
    tenant: Tenant, root: httpx.AsyncClient, services: Services
) -> None:
    person = await tenant.signed_in()
    old = await signed_by(person)

    begins = await rotate_signing_key(services)

    assert (begins - tenant.clock.now()).total_seconds() == 3600
    tenant.clock.turn(minutes=1)  # how long an instance caches the keys
    assert (await kids(root))[0] == old
    [_, new] = await kids(root)
    while tenant.clock.now() < begins:
        assert await signed_by(person) == old
        assert await kids(root) == [old, new]
        tenant.clock.turn(minutes=5)
    assert await signed_by(person) == new


async def test_the_old_key_is_published_until_its_last_token_ends(
    tenant: Tenant, root: httpx.AsyncClient, services: Services
) -> None:
    person = await tenant.signed_in()
    old = await signed_by(person)
    begins = await rotate_signing_key(services)
    tenant.clock.set(begins)
    tenant.clock.turn(seconds=-1)
    last = await ask_token(person)
    assert header_of(last)["kid"] == old

    tenant.clock.turn(seconds=1)
    first = await ask_token(person)
    assert header_of(first)["kid"] != old
    tenant.clock.turn(seconds=298)
    keys = await fetch_keys(root)
    verify(last, keys, tenant.clock)
    verify(first, keys, tenant.clock)

    tenant.clock.set(begins)
    tenant.clock.turn(minutes=14, seconds=59)
    assert old in await kids(root)
    tenant.clock.turn(minutes=1)
    assert await kids(root) == [header_of(first)["kid"]]
    assert [str(row["id"]) for row in await rows(services)] == [header_of(first)["kid"]]
    with pytest.raises(InvalidKeyIdError):
        verify(last, await fetch_keys(root), tenant.clock)


async def test_a_key_is_replaced_automatically_after_ninety_days(tenant: Tenant, root: httpx.AsyncClient) -> None:
    old = await signed_by(await tenant.signed_in())

    tenant.clock.turn(days=89, hours=23)
    assert await kids(root) == [old]
    tenant.clock.turn(hours=1)
    assert await signed_by(await tenant.signed_in()) == old
    [still, new] = await kids(root)
    assert still == old

    tenant.clock.turn(hours=1)
    person = await tenant.signed_in()
    assert await signed_by(person) == new
    tenant.clock.turn(minutes=16)
    assert await kids(root) == [new]


async def test_the_other_instance_signs_with_the_next_key_at_the_same_moment(
    tenant: Tenant, services: Services
) -> None:
    person = await tenant.signed_in(Role.END_USER)  # whose session lasts longer than an hour
    other = client_of(create_app(services), tenant.account.slug)
    other.token = person.browser.token
    there = dataclasses.replace(person, browser=other)
    old = await signed_by(person)
    assert await signed_by(there) == old

    begins = await rotate_signing_key(services)
    tenant.clock.set(begins)

    assert await signed_by(person) == await signed_by(there) != old


async def test_an_instance_whose_clock_is_behind_signs_with_the_first_key_of_one_ahead(tenant: Tenant) -> None:
    person = await tenant.signed_in()
    kid = await signed_by(person)

    tenant.clock.turn(seconds=-5)

    assert await signed_by(await tenant.signed_in()) == kid


async def test_an_instance_caches_the_keys_for_a_minute(
    tenant: Tenant, root: httpx.AsyncClient, services: Services
) -> None:
    before = await fetch_keys(root)
    async with services.database.begin() as tx:
        await tx.execute(update(signing_keys).values(sealed_private_key=b"nothing"))

    tenant.clock.turn(seconds=59)

    assert await fetch_keys(root) == before
