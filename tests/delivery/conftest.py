"""Letters and settings for the tests of e-mail delivery."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core.settings import Settings
from app.delivery.letters import Email, Kind

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def a_letter(kind: Kind = Kind.PASSWORD_CHANGED, **changes: Any) -> Email:
    """Return a letter as a use case enqueues it."""
    values: dict[str, Any] = {
        "id": UUID("01938bd2-0000-7000-8000-000000000001"),
        "account_id": UUID("01938bd2-0000-7000-8000-000000000002"),
        "account_name": "Example & Söhne",
        "kind": kind,
        "to": "alice@example.com",
        "name": "Alice Müller",
        "locale": "en",
        "at": datetime(2026, 11, 24, 10, 15, 30, tzinfo=UTC),
        "ip": "203.0.113.7",
        "user_agent": FIREFOX,
    }
    return Email(**values | changes)


def settings_with(**changes: Any) -> Settings:
    """Return valid settings with these changes."""
    return Settings.model_validate({"public_url": "https://id.example.com", **changes})


@pytest.fixture
def letters_dir(tmp_path: Path) -> Path:
    return tmp_path / "letters"
