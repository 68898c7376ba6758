"""The parsed `compose.yaml`."""

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parent.parent.parent


def compose() -> dict[str, Any]:
    """Return the parsed file."""
    return dict(yaml.safe_load((PROJECT / "compose.yaml").read_text()))


def gateway(front: int, *ports: int) -> str:
    """Return the nginx configuration from the compose file, with these ports."""
    content = (
        compose()["configs"]["nginx"]["content"].replace("$$", "$").replace("http://$api:8000", "http://$api")
    )
    servers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    return f"upstream api {{ {servers} }}\n{content.replace('listen 80;', f'listen 127.0.0.1:{front};')}"


def services_of_passgate() -> dict[str, dict[str, Any]]:
    """Return the services that run the image, by name."""
    return {name: service for name, service in compose()["services"].items() if service["image"] == "passgate"}
