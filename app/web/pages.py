"""Pagination of lists: ids sort by time, so the cursor is the last id of the page."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BeforeValidator

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


# 16 bytes in base64url: the last character has only two bits, so each id has one spelling.
_CURSOR = "^[A-Za-z0-9_-]{21}[AQgw]$"


def _encode(id_: UUID) -> str:
    return base64.urlsafe_b64encode(id_.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))


def _plain(value: int | str) -> int | str:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,3}", value):
        raise malformed(f"A limit is a number from 1 to {_MOST_ITEMS}.")
    return value


async def ask_page(
    # The constraints stand before `BeforeValidator`, so that they are those of the number in the document.
    limit: Annotated[int, Query(ge=1, le=_MOST_ITEMS), BeforeValidator(_plain)] = 50,
    cursor: Annotated[str | None, Query(pattern=_CURSOR, description="`next_cursor` of the page before")] = None,
) -> PageRequest:
    """Read `?limit=` and `?cursor=`."""
    return PageRequest(limit, _decode(cursor) if cursor else None)


Paged = Annotated[PageRequest, Depends(ask_page)]
