"""The parsed `compose.yaml`."""

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parent.parent.parent


def compose() -> dict[str, Any]:
    """Return the parsed file."""
    return dict(yaml.safe_load((PROJECT / "compose.yaml").read_text()))


def services_of_passgate() -> dict[str, dict[str, Any]]:
    """Return the services that run the image, by name."""
    return {name: service for name, service in compose()["services"].items() if service["image"] == "passgate"}
