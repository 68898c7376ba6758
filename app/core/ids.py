"""Ids: UUID version 7, so that the order of ids is the order of creation."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

NIL_ID = UUID(int=0)
"""The id of nothing (RFC 9562 5.9), where a value is needed; also the `account_id` of the service's own rows."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(now: datetime) -> UUID:
    """Return a new UUIDv7 for the time `now` (RFC 9562 5.7).

    The 12 bits after the version hold the fraction of the millisecond (6.2, method 3); 62 bits are random.
    """
    return UUID(int=oldest_id(now).int | secrets.randbits(62))


def oldest_id(now: datetime) -> UUID:
    """Return the smallest id that `new_id(now)` can return: all older ids are smaller."""
    microseconds = int(max(now, _EPOCH).timestamp()) * 1_000_000 + now.microsecond
    milliseconds, rest = divmod(microseconds, 1000)
    fraction = rest * 4096 // 1000
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | fraction << 64 | 2 << 62)
