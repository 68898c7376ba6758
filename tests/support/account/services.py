"""Services that differ in a setting."""

import dataclasses
from typing import Any

from app.core.settings import Settings
from app.services import Services


def with_changes(services: Services, **settings: Any) -> Services:
    """Return the same services with other settings, judged as those of the environment are."""
    changed = {**services.settings.model_dump(), **settings}
    return dataclasses.replace(services, settings=Settings.model_validate(changed))
