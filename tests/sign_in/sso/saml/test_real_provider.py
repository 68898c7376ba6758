"""Interoperation with pysaml2: it reads our request, and we read its answer."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.sign_in.sso.saml.messages.answers import Expected, read_answer
from app.sign_in.sso.saml.messages.certificates import read_certificate
from app.sign_in.sso.saml.messages.service_provider import ServiceProvider
from tests.support.programs.saml_provider import RealProvider, real_provider

US = ServiceProvider("https://passgate.example.com/sso/corp/metadata", "https://passgate.example.com/sso/corp/acs")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProvider]:
    with real_provider(tmp_path_factory.mktemp("idp")) as found:
        found.know(US.metadata())
        yield found


@pytest.mark.parametrize("sign", ["assertion", "both"])
def test_pysaml2_reads_our_request_and_we_its_answer(provider: RealProvider, sign: str) -> None:
    now = datetime.now(UTC)
    login_url = US.login_url(provider.sso_url, "_request", now)

    acs_url, answer = provider.sign_in(login_url, "somebody@example.com", sign=sign)

    certificate = read_certificate(provider.certificate)
    found = read_answer(answer, Expected(provider.entity_id, (certificate,), US, "_request"), now)
    assert acs_url == US.acs_url
    assert (found.name_id, found.email, found.name) == (
        "subject of somebody@example.com",
        "somebody@example.com",
        "Some Body",
    )
