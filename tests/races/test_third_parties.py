"""Tokens and answers of identity providers, sent many times at once through two instances."""

import asyncio
from urllib.parse import urlsplit

import httpx

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.programs.instances import Crowd, outcomes
from tests.support.programs.oidc_provider import RETURN_TO, Issuer, asked_nonce, id_token_sign_in, name_issuer

PATH = "/sign-ins/jwt"


async def test_one_token_opens_one_session(tenant: Tenant, owner: SimulatedUser, crowd: Crowd) -> None:
    await name_provider(owner)
    body = jwt_sign_in(token_of(tenant))

    responses = await asyncio.gather(*(crowd.post(PATH, body) for _ in range(50)))

    assert outcomes(responses) == {"complete": 1, "invalid_credentials": 49}


async def test_many_tokens_of_one_new_person_create_one_user(
    tenant: Tenant, owner: SimulatedUser, crowd: Crowd
) -> None:
    await name_provider(owner, trusted_domains=["example.com"])
    bodies = [jwt_sign_in(token_of(tenant, external_id="crm-7")) for _ in range(20)]

    responses = await asyncio.gather(*(crowd.post(PATH, body) for body in bodies))

    assert len({ok(response, 201)["user"]["id"] for response in responses}) == 1


async def test_one_id_token_and_one_nonce_open_one_session(
    tenant: Tenant, owner: SimulatedUser, crowd: Crowd, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    nonce = await asked_nonce(tenant.browser())
    bodies = [id_token_sign_in(issuer.id_token(nonce, iat=iat), nonce) for iat in (1, 2)] * 25

    responses = await asyncio.gather(*(crowd.post("/sign-ins/oidc", body) for body in bodies))

    assert outcomes(responses) == {"complete": 1, "invalid_credentials": 49}


async def test_one_answer_of_an_issuer_yields_one_code(
    tenant: Tenant, owner: SimulatedUser, crowd: Crowd, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    browser = tenant.browser()
    begun = await browser.get("/sso/issuer/login", params={"return_to": RETURN_TO})
    async with httpx.AsyncClient(trust_env=False) as http:
        back = (await http.get(begun.headers["location"])).headers["location"]
    [cookie] = browser.cookies.jar
    headers = {"Cookie": f"{cookie.name}={cookie.value}"}
    path = f"/sso/issuer/callback?{urlsplit(back).query}"

    responses = await asyncio.gather(*(crowd.request("GET", path, headers=headers) for _ in range(20)))

    assert sorted(response.status_code for response in responses) == [303] + [401] * 19
    [sent] = [response.headers["location"] for response in responses if response.status_code == 303]
    assert sent.startswith(f"{RETURN_TO}#code=pgc_")


async def test_of_many_forged_tokens_a_hundred_are_checked(owner: SimulatedUser, crowd: Crowd) -> None:
    await name_provider(owner)

    responses = await asyncio.gather(*(crowd.post(PATH, jwt_sign_in("a.forged.token")) for _ in range(140)))

    assert outcomes(responses) == {"invalid_credentials": 100, "too_many_requests": 40}
