"""What a third party vouched for, sent many times at once through two instances."""

import asyncio

from tests.support.arrange import Person, Place
from tests.support.client import ok
from tests.support.instances import Crowd, outcomes
from tests.support.oidc_provider import Issuer, asked_nonce, id_token_sign_in, name_issuer
from tests.support.third_parties import jwt_sign_in, name_provider, token_of

PATH = "/sign-ins/jwt"


async def test_one_token_opens_one_session(place: Place, owner: Person, crowd: Crowd) -> None:
    await name_provider(owner)
    body = jwt_sign_in(token_of(place))

    responses = await asyncio.gather(*(crowd.post(PATH, body) for _ in range(50)))

    assert outcomes(responses) == {"complete": 1, "invalid_credentials": 49}


async def test_many_tokens_of_one_new_person_make_one_user(place: Place, owner: Person, crowd: Crowd) -> None:
    await name_provider(owner, trusted_domains=["example.com"])
    bodies = [jwt_sign_in(token_of(place, external_id="crm-7")) for _ in range(20)]

    responses = await asyncio.gather(*(crowd.post(PATH, body) for body in bodies))

    assert len({ok(response, 201)["user"]["id"] for response in responses}) == 1


async def test_one_id_token_and_one_nonce_open_one_session(
    place: Place, owner: Person, crowd: Crowd, issuer: Issuer
) -> None:
    await name_issuer(owner, issuer)
    nonce = await asked_nonce(place.browser())
    bodies = [id_token_sign_in(issuer.id_token(nonce, iat=iat), nonce) for iat in (1, 2)] * 25

    responses = await asyncio.gather(*(crowd.post("/sign-ins/oidc", body) for body in bodies))

    assert outcomes(responses) == {"complete": 1, "invalid_credentials": 49}
