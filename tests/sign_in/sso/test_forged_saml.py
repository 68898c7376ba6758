"""SAML answers that somebody forged after an honest one: none of them signs anybody in."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from app.callers import Role
from tests.saml.wrapping import WRAPPINGS, Parts
from tests.support.arrange import Person, Place
from tests.support.saml import NAMES, LyingProvider, signing_key
from tests.support.saml_login import arrive, brought_back, name_saml_provider, post


@pytest.fixture
async def owner(place: Place) -> Person:
    """The owner, whose address everything is about."""
    owner = await place.enrolled(Role.OWNER)
    await name_saml_provider(owner)
    return owner


def _comment_in_the_name(provider: LyingProvider) -> Any:
    tricked = etree.tostring(provider.assertion()).replace(b"somebody-1", b"admin@example.com<!---->.evil.example")
    return provider.response(provider.sign(etree.fromstring(tricked)))


def _own_certificate(provider: LyingProvider) -> Any:
    forged = provider.response(provider.sign(provider.assertion(), signing_key("other")))
    certificate = forged.find(".//ds:X509Certificate", NAMES)
    certificate.text = provider.honest().find(".//ds:X509Certificate", NAMES).text
    return forged


def _weak_signature(provider: LyingProvider) -> Any:
    signed = provider.sign(provider.assertion(), signature_algorithm=SignatureMethod.RSA_SHA1)
    return provider.response(signed)


def _weak_digest(provider: LyingProvider) -> Any:
    return provider.response(provider.sign(provider.assertion(), digest_algorithm=DigestAlgorithm.SHA1))


def _only_the_response_signed(provider: LyingProvider) -> Any:
    return provider.sign(provider.response(provider.assertion()))


FORGERIES: dict[str, Callable[[LyingProvider], Any]] = {
    "a comment in the name": _comment_in_the_name,
    "its own key beside our certificate": _own_certificate,
    "a signature with SHA-1": _weak_signature,
    "a digest with SHA-1": _weak_digest,
    "a signature over the response alone": _only_the_response_signed,
}


async def _is_refused(place: Place, forge: Callable[[LyingProvider], Any]) -> None:
    browser = place.browser()
    provider = await arrive(place, browser)

    assert brought_back(await post(browser, forge(provider))) == ("error", "invalid_credentials")


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_answer_is_refused(
    place: Place, owner: Person, forge: Callable[[LyingProvider], Any]
) -> None:
    assert owner.app
    await _is_refused(place, forge)


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
async def test_a_wrapped_assertion_is_refused(place: Place, owner: Person, wrap: Callable[[Parts], Any]) -> None:
    assert owner.app
    await _is_refused(place, lambda provider: wrap(Parts(provider)))
