"""Redocly and Spectral find nothing in the OpenAPI document."""

import shutil
from pathlib import Path

from tests.web.clients.tools import HERE, needs_node, run_npm

pytestmark = needs_node


def test_redocly_finds_nothing(workplace: Path) -> None:
    for name in ("redocly.yaml", ".redocly.lint-ignore.yaml"):
        shutil.copy(HERE / "lint" / name, workplace)

    found = run_npm("redocly", "lint", "openapi.json", at=workplace)

    assert "Your API description is valid" in found
    assert "6 problems are explicitly ignored" in found


def test_spectral_finds_nothing(workplace: Path) -> None:
    rules = HERE / "lint" / "spectral.yaml"

    found = run_npm(
        "spectral", "lint", "openapi.json", "--fail-severity", "hint", "--ruleset", rules, at=workplace
    )

    assert "No results with a severity of 'hint' or higher found!" in found
