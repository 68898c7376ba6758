"""An identity provider whose answers the tests choose."""

import pytest

from tests.sign_in.sso.saml.reading import NOW, REQUEST, US
from tests.support.programs.saml import LyingProvider


@pytest.fixture
def provider() -> LyingProvider:
    return LyingProvider(US.acs_url, US.entity_id, REQUEST, NOW)
