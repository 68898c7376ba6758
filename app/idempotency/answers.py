"""The `Idempotency-Key` header, and answers that are stored or read back, over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel, WithJsonSchema
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.rules import Actor
from app.core.callers import Caller, RequestContext
from app.core.errors import Refusal
from app.crypto.sealing import Sealer
from app.idempotency.rules import KEY_PATTERN, StoredAnswer, digest_content, digest_key, parse_key
from app.idempotency.use_cases import KeyedRequest, keep_answer
from app.web.bodies import NO_BODY

KEY_PROBLEMS = ("request_in_progress", "answer_gone", "invalid_request", "idempotency_key_reused")
"""The problem codes of every call that takes the header."""
_CREATED = 201
_DESCRIPTION = (
    "A new random string for each request, such as a UUID. If the answer gets lost, send the same request with "
    "the same key again: it is not done twice, and its answer can be read back once, for 10 minutes."
)
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True)
class SentKey:
    """The key of a request, the digest of its content, and its route."""

    key: str
    content_digest: bytes
    route: str

    def of_caller(self, sealer: Sealer, caller: Caller) -> KeyedRequest:
        """Return the request as that of the caller's session or API token."""
        by_session = caller.token_id is None
        credential_id = caller.session_id if by_session else caller.token_id
        return KeyedRequest(
            caller.context,
            sealer,
            Actor(caller.user_id, caller.credential),
            caller.user_id,
            digest_key(f"{caller.credential} {credential_id}", self.key),
            self.content_digest,
            self.route,
            session_id=caller.session_id if by_session else None,
            api_token_id=caller.token_id,
        )

    def of_sign_in(self, sealer: Sealer, context: RequestContext, sign_in_id: UUID, user_id: UUID) -> KeyedRequest:
        """Return the request as that of a sign-in; its `session_id` is not known yet."""
        return KeyedRequest(
            context,
            sealer,
            Actor(user_id, None),
            user_id,
            digest_key(f"sign_in {sign_in_id}", self.key),
            self.content_digest,
            self.route,
        )


async def get_sent_key(
    request: Request,
    _: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "pattern": KEY_PATTERN}),
        Header(alias="Idempotency-Key", description=_DESCRIPTION),
    ] = None,
) -> SentKey | None:
    """Return the `Idempotency-Key` of the request; raises `InvalidRequest` if it is malformed."""
    key = parse_key(request.headers.getlist("idempotency-key"))
    if key is None:
        return None
    body = await request.json()
    content = digest_content(request.method, request.scope["path"], {} if body is NO_BODY else body)
    return SentKey(key, content, request.scope["route"].path)


IdempotencyKey = Annotated[SentKey | None, Depends(get_sent_key)]


async def answer_once(
    tx: AsyncConnection,
    request: KeyedRequest | None,
    outcome: _Outcome | StoredAnswer | Refusal,
    response: Response,
    show: Callable[[_Outcome], BaseModel],
) -> Response | Refusal:
    """Return the answer to send after the commit; one that was just made is stored, if it has a key.

    `response` is FastAPI's: `show` sets the answer's own headers there.
    """
    if isinstance(outcome, Refusal):
        return outcome
    if isinstance(outcome, StoredAnswer):
        return _response(outcome)
    body = show(outcome).model_dump_json()
    answer = StoredAnswer(_CREATED, tuple(response.headers.items()), body)
    if request:
        await keep_answer(tx, request, answer)
    return _response(answer)


def _response(answer: StoredAnswer) -> Response:
    response = Response(answer.body, answer.status, media_type="application/json")
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response
