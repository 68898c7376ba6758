"""Ids: UUID version 7, so that rows lie in the order in which they were made."""

import secrets
from datetime import datetime
from uuid import UUID


def new_id(now: datetime) -> UUID:
    """Return a new UUIDv7 for the moment `now` (RFC 9562 5.7).

    The 12 bits after the version hold the fraction of the millisecond (6.2, method 3); 62 bits are random.
    """
    microseconds = int(now.timestamp()) * 1_000_000 + now.microsecond
    milliseconds, rest = divmod(microseconds, 1000)
    fraction = rest * 4096 // 1000
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62)
    return UUID(int=value)
