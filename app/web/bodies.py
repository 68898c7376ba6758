"""Reading a request's body: JSON and nothing else, within bounds, in order before any credential is looked at."""

import asyncio
import email.message
import json
from typing import Any

from fastapi import Request

from app.errors import InvalidRequest, TooLarge, UnsupportedMediaType

MOST_BYTES = 64 * 1024
_DRAINED_BYTES = 16 * 1024 * 1024
_DRAINED_SECONDS = 5
_READ_SECONDS = 20


class _NotWellFormedError(ValueError):
    """JSON that another reader could understand differently."""


async def read_json(request: Request) -> Any:
    """Return the parsed body, or None when there is none.

    Raises `UnsupportedMediaType`, `TooLarge` (over 64 KiB) or `InvalidRequest` (not UTF-8, not JSON, too deep,
    duplicate keys, NaN, NUL or lone surrogates), in this order.
    """
    has_body = "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
    if not has_body:
        return None
    if not _is_json(request.headers.get("content-type", "")):
        await _drain(request)
        raise UnsupportedMediaType("The Content-Type must be application/json.")
    content = await _read(request)
    if not content:
        return None
    try:
        return _parse(content)
    except (ValueError, RecursionError):  # what `json` and `str` raise are ValueErrors too
        raise InvalidRequest("The body is not well-formed JSON in UTF-8.") from None


def _is_json(content_type: str) -> bool:
    message = email.message.Message()
    message["content-type"] = content_type
    charset = message.get_param("charset", "utf-8")
    return message.get_content_type() == "application/json" and str(charset).lower() in {"utf-8", "utf8"}


async def _read(request: Request) -> bytes:
    chunks, size = [], 0
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MOST_BYTES:
                    break
                chunks.append(chunk)
    except TimeoutError:
        raise InvalidRequest("The body did not arrive in time.") from None
    if size > MOST_BYTES:
        await _drain(request)
        raise TooLarge("A body has at most 64 KiB.")
    return b"".join(chunks)


async def _drain(request: Request) -> None:
    """Read on and throw away, within bounds: closing on a client that still sends would lose it the answer."""
    left = _DRAINED_BYTES
    try:
        async with asyncio.timeout(_DRAINED_SECONDS):
            while left > 0:
                message = await request.receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _parse(content: bytes) -> Any:
    value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    _check_texts(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotWellFormedError("duplicate keys")
    return found


def _refuse_constant(_: str) -> Any:
    raise _NotWellFormedError("NaN or Infinity")


def _check_texts(value: Any) -> None:
    """Refuse NUL, which Postgres cannot store, and lone surrogates, which are no text."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if "\0" in part:
                raise _NotWellFormedError("NUL")
            part.encode()
        elif isinstance(part, dict):
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
