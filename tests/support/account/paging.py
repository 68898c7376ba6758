"""Following a list to its end."""

from typing import Any

from tests.support.account.client import Client, ok


async def pages(client: Client, path: str, **parameters: Any) -> list[list[dict[str, Any]]]:
    """Return the pages of a list, one after the other."""
    found = []
    while True:
        answer = ok(await client.get(path, params=parameters))
        assert set(answer) == {"items", "next_cursor"}
        found.append(answer["items"])
        if answer["next_cursor"] is None:
            return found
        parameters["cursor"] = answer["next_cursor"]


async def items(client: Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the items of a list that fits on one page."""
    answer = ok(await client.get(path, params=parameters))
    assert answer["next_cursor"] is None
    shown: list[dict[str, Any]] = answer["items"]
    return shown
