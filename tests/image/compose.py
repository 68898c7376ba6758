"""What the README's `compose.yaml` says."""

import re
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parent.parent.parent


def compose() -> dict[str, Any]:
    """Return the file, parsed."""
    blocks = re.findall(r"```yaml\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    [parsed] = [block for block in map(yaml.safe_load, blocks) if "services" in block]
    return dict(parsed)


def services_of_passgate() -> dict[str, dict[str, Any]]:
    """Return the services that run the image, by name."""
    return {name: service for name, service in compose()["services"].items() if service["image"] == "passgate"}
