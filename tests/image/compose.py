"""What the compose file in the README says."""

import re
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parent.parent.parent


def compose() -> dict[str, Any]:
    """Return it, parsed."""
    [block] = re.findall(r"```yaml\n(x-passgate.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    parsed: dict[str, Any] = yaml.safe_load(block)
    return parsed


def services_of_passgate() -> dict[str, dict[str, Any]]:
    """Return the services that run the image, by name."""
    return {name: service for name, service in compose()["services"].items() if service["image"] == "passgate"}
