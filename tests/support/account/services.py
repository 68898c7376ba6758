"""Services with changed settings."""

import dataclasses
from typing import Any

from app.core.settings import Settings
from app.services import Services


def with_changes(services: Services, **settings: Any) -> Services:
    """Return the same services with other settings, validated like those from the environment."""
    changed = {**services.settings.model_dump(), **settings}
    return dataclasses.replace(services, settings=Settings.model_validate(changed))
