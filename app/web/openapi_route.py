"""`GET /openapi.json`: the document, compressed where the client can read that, with an ETag."""

import gzip
import hashlib
import json
import re
from functools import cached_property

from fastapi import APIRouter, FastAPI, Request, Response

router = APIRouter(include_in_schema=False)

_NO_WEIGHT = re.compile(r"\s*q=0(\.0{0,3})?\s*", re.IGNORECASE)  # "not acceptable" (RFC 9110 12.4.2)


class ServedDocument:
    """The OpenAPI document of an application as bytes, made when they are first asked for."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @cached_property
    def plain(self) -> bytes:
        """The JSON text."""
        return json.dumps(self._app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def compressed(self) -> bytes:
        """The same in gzip, without a time, so that every instance sends the same bytes."""
        return gzip.compress(self.plain, mtime=0)

    @cached_property
    def digest(self) -> str:
        """A name of this version of the document."""
        return hashlib.sha256(self.plain).hexdigest()[:32]


# Not `async`: making the document takes long enough to delay other requests.
@router.get("/openapi.json")
def get_document(request: Request) -> Response:
    """Return the OpenAPI document, or 304 if the client has this version."""
    document: ServedDocument = request.app.state.document
    compressed = _accepts_gzip(request.headers.get("accept-encoding", ""))
    tag = f'"{document.digest}-gzip"' if compressed else f'"{document.digest}"'
    headers = {"ETag": tag, "Vary": "Accept-Encoding"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(document.compressed if compressed else document.plain, 200, headers, "application/json")


def _accepts_gzip(accepted: str) -> bool:
    for coding in accepted.split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not _NO_WEIGHT.fullmatch(weight)
    return False


def _matches(known: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, by the weak comparison (RFC 9110 8.8.3.2)."""
    return any(given.strip().removeprefix("W/") in {tag, "*"} for given in known.split(","))
