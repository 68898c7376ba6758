"""Forged SAML answers, made from an honest one: none of them signs anybody in."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from tests.sign_in.sso.saml.wrapping import WRAPPINGS, Parts
from tests.support.account.arrange import Tenant
from tests.support.account.saml_login import arrive, brought_back, post
from tests.support.programs.saml import NAMES, LyingProvider, signing_key

pytestmark = pytest.mark.usefixtures("saml_owner")


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


async def _is_refused(tenant: Tenant, forge: Callable[[LyingProvider], Any]) -> None:
    browser = tenant.browser()
    provider = await arrive(tenant, browser)

    assert brought_back(await post(browser, forge(provider))) == ("error", "invalid_credentials")


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_answer_is_refused(tenant: Tenant, forge: Callable[[LyingProvider], Any]) -> None:
    await _is_refused(tenant, forge)


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
async def test_a_wrapped_assertion_is_refused(tenant: Tenant, wrap: Callable[[Parts], Any]) -> None:
    await _is_refused(tenant, lambda provider: wrap(Parts(provider)))
