"""Reading the answers of `LyingProvider` without HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.sign_in.sso.saml.messages.answers import Assertion, Expected, read_answer
from app.sign_in.sso.saml.messages.refused import SamlRefused
from app.sign_in.sso.saml.messages.service_provider import ServiceProvider
from tests.support.programs.saml import ENTITY_ID, encoded, signing_key

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
US = ServiceProvider("https://passgate.example.com/sso/corp/metadata", "https://passgate.example.com/sso/corp/acs")
REQUEST = "_request"


def expected(*names: str) -> Expected:
    certificates = tuple(signing_key(name).certificate for name in names or ("idp",))
    return Expected(ENTITY_ID, certificates, US, REQUEST)


def read(document: Any, **at: float) -> Assertion:
    return read_answer(encoded(document), expected(), NOW + timedelta(**at))


def refused(document: Any, reason: str, **at: float) -> None:
    with pytest.raises(SamlRefused, match=reason):
        read(document, **at)
