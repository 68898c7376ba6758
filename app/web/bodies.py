"""Reading a request's body (JSON or form) within limits, before any credential is checked."""

import asyncio
import email.message
import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from app.core.errors import InvalidRequest, TooLarge, UnsupportedMediaType

MOST_BYTES = 64 * 1024
MOST_FORM_BYTES = 256 * 1024
_DRAINED_BYTES = 16 * 1024 * 1024
_DRAINED_SECONDS = 5
_READ_SECONDS = 20
_MOST_FIELDS = 16
_LONGEST_CONTENT_TYPE = 256  # the parser's time is quadratic in the length

_JSON_TYPES = ("application/json",)
_PATCH_TYPES = (*_JSON_TYPES, "application/merge-patch+json")  # RFC 7396
_FORM = "application/x-www-form-urlencoded"

NO_BODY: Any = object()
"""What `read_json` returns for a request without a body; the body `null` is None instead."""


class _NotWellFormedError(ValueError):
    """Input that another parser could interpret differently."""


class Incoming:
    """A request's body while it arrives; `drain` discards the rest when the answer is ready."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._more = _has_body(headers)
        self._expects_continue = headers.get("expect", "").lower() == "100-continue"

    async def receive(self) -> Message:
        """Receive the next message."""
        self._expects_continue = False
        message = await self._receive()
        self._more = message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read and discard the rest of the body, at most 16 MiB and 5 seconds.

        Closing the connection of a client that is still sending could lose the answer.
        """
        # A client that sent `Expect: 100-continue` and got no 100 sends no body.
        left = 0 if self._expects_continue else _DRAINED_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAINED_SECONDS):
                while self._more and left > 0:
                    left -= len((await self.receive()).get("body", b""))


async def read_json(request: Request) -> Any:
    """Return the parsed body, or `NO_BODY`.

    Raises `UnsupportedMediaType`, `TooLarge` (over 64 KiB) or `InvalidRequest` (not UTF-8, not JSON, too deep,
    duplicate keys, NaN, NUL or lone surrogates), in this order.
    """
    if not _has_body(request.headers):
        return NO_BODY
    accepted = _PATCH_TYPES if request.method == "PATCH" else _JSON_TYPES
    if not _is_json(request.headers.get("content-type", ""), accepted):
        raise UnsupportedMediaType(f"The Content-Type must be {' or '.join(accepted)}, in UTF-8.")
    content = await _read(request, MOST_BYTES)
    if not content:
        return NO_BODY
    try:
        return _parse(content)
    except (ValueError, RecursionError):  # `json` and `str` raise subclasses of ValueError
        raise InvalidRequest("The body is not well-formed JSON in UTF-8.") from None


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form (`application/x-www-form-urlencoded`).

    Raises `UnsupportedMediaType`, `TooLarge` (over 256 KiB) or `InvalidRequest` (not UTF-8, not a form, a
    duplicate field), in this order.
    """
    if _media_type(request.headers.get("content-type", "")).get_content_type() != _FORM:
        raise UnsupportedMediaType(f"The Content-Type must be {_FORM}.")
    content = await _read(request, MOST_FORM_BYTES)
    try:
        text = content.decode("ascii")
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
        return _unique(pairs)
    except ValueError:
        raise InvalidRequest("The body is not a well-formed form in UTF-8.") from None


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_json(content_type: str, accepted: tuple[str, ...]) -> bool:
    if content_type == "application/json":  # the usual spelling, which needs no parsing
        return True
    message = _media_type(content_type)
    charset = message.get_param("charset", "utf-8")
    return message.get_content_type() in accepted and str(charset).lower() in {"utf-8", "utf8"}


def _media_type(content_type: str) -> email.message.Message:
    message = email.message.Message()
    message["content-type"] = content_type if len(content_type) <= _LONGEST_CONTENT_TYPE else ""
    return message


async def _read(request: Request, most_bytes: int) -> bytes:
    too_large = TooLarge(f"A body has at most {most_bytes // 1024} KiB here.")
    if int(request.headers.get("content-length", "0")) > most_bytes:  # the HTTP parser accepts only a number
        raise too_large
    content = bytearray()
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in request.stream():
                content += chunk
                if len(content) > most_bytes:
                    raise too_large
    except (TimeoutError, ClientDisconnect):
        raise InvalidRequest("The body did not arrive whole and in time.") from None
    return bytes(content)


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
    """Refuse NUL, which Postgres cannot store, and lone surrogates, which are not valid text."""
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
