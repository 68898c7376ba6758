"""Pagination of lists: ids sort by time, so the cursor is the last id of the page."""

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BeforeValidator

from app.core.errors import invalid_field
from app.web.wire import Answer, malformed

_T = TypeVar("_T")
_MOST_ITEMS = 100


class Page(Answer, Generic[_T]):
    """One page of a list, and the cursor of the next page; null on the last page."""

    items: list[_T]
    next_cursor: str | None


class _HasId(Protocol):
    @property
    def id(self) -> UUID: ...


_Row = TypeVar("_Row", bound=_HasId)


@dataclass(frozen=True)
class PageRequest:
    """The requested page: at most `limit` items that are older than the id `before`."""

    limit: int
    before: UUID | None

    @property
    def fetch(self) -> int:
        """How many rows to fetch: one more than is shown, to know whether there is a next page."""
        return self.limit + 1

    def cut(self, rows: Sequence[_Row]) -> tuple[Sequence[_Row], str | None]:
        """Return the rows to show, and the cursor of the next page."""
        shown = rows[: self.limit]
        return shown, _encode(shown[-1].id) if len(rows) > self.limit else None


def _encode(id_: UUID) -> str:
    return base64.urlsafe_b64encode(id_.bytes).decode().rstrip("=")


def _plain(value: int | str) -> int | str:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,3}", value):
        raise malformed(f"A limit is a number from 1 to {_MOST_ITEMS}.")
    return value


async def ask_page(
    limit: Annotated[int, BeforeValidator(_plain), Query(ge=1, le=_MOST_ITEMS)] = 50,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> PageRequest:
    """Read `?limit=` and `?cursor=`; raises `InvalidRequest` for a malformed cursor."""
    if cursor is None:
        return PageRequest(limit, None)
    with suppress(ValueError):
        before = UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
        if _encode(before) == cursor:
            return PageRequest(limit, before)
    raise invalid_field("/cursor", "malformed", "This is no cursor: send the `next_cursor` of the page before.")


Paged = Annotated[PageRequest, Depends(ask_page)]
