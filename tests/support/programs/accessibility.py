"""axe-core in a page: it finds what breaks WCAG 2.2, levels A and AA."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations_of(page: Page, *, but: tuple[str, ...] = ()) -> list[str]:
    """Return the rules that the page breaks, and where, without the rules in `but`."""
    options = {"runOnly": _LEVELS, "rules": {rule: {"enabled": False} for rule in but}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]
