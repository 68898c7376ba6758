"""Do a request with an `Idempotency-Key` once, and let its caller read the answer back once.

A use case that takes a `KeyedRequest` first calls `lock_key`. Then it checks that the caller may still do this,
and only then calls `take_answer`: an authority that has ended reads nothing back. If there is no answer, it acts,
and its router stores the answer in the same transaction (`app.idempotency.answers`).
"""

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.repository import record
from app.audit.rules import Actor, Event, EventType
from app.core.callers import RequestContext
from app.core.errors import Conflict, Gone, InvalidRequest
from app.core.ids import new_id
from app.crypto.digests import same
from app.crypto.sealing import AssociatedData, SealBroken, Sealer
from app.idempotency import repository
from app.idempotency.repository import SealedAnswer
from app.idempotency.rules import LIFETIME, StoredAnswer, decode, encode

log = structlog.get_logger()


@dataclass(frozen=True)
class KeyedRequest:
    """A request with an `Idempotency-Key`, of one caller.

    `key_digest` is that of the caller's credential and the key, `content_digest` that of method, path and body.
    The answer is stored for one of `session_id` and `api_token_id`.
    """

    context: RequestContext
    sealer: Sealer
    actor: Actor
    user_id: UUID
    key_digest: bytes
    content_digest: bytes
    route: str
    session_id: UUID | None = None
    api_token_id: UUID | None = None


def _place(account_id: UUID, answer_id: UUID, user_id: UUID) -> AssociatedData:
    return AssociatedData("stored_answers", "sealed_answer", account_id, answer_id, user_id)


async def lock_key(tx: AsyncConnection, request: KeyedRequest | None) -> None:
    """Lock the key until the transaction ends; raises `Conflict` while the same request runs."""
    if request and not await repository.try_lock(tx, request.key_digest):
        detail = "A request with this Idempotency-Key is being answered. Send it again in a moment."
        raise Conflict(detail, code="request_in_progress")


async def take_answer(tx: AsyncConnection, request: KeyedRequest | None) -> StoredAnswer | None:
    """Return the stored answer and delete it; None if the request was not done yet.

    Records that it was read back. Raises `InvalidRequest` if the key came with another request, and `Gone` if the
    answer was read back before.
    """
    if request is None:
        return None
    account_id = request.context.account_id
    found = await repository.find_answer(tx, account_id, request.key_digest)
    if found is None or request.context.now >= found.expires_at:
        return None
    content_digest, answer = _open(request, found)
    if not same(content_digest, request.content_digest):
        detail = "This Idempotency-Key was sent with another request. Make a new key for each."
        raise InvalidRequest(detail, code="idempotency_key_reused")
    if answer is None:
        raise _gone()
    read_back = request.sealer.seal(encode(content_digest, None), _place(account_id, found.id, request.user_id))
    await repository.replace_sealed(tx, account_id, found.id, read_back)
    event = Event(EventType.ANSWER_READ_BACK, "user", request.user_id, {"route": request.route})
    await record(tx, request.context, request.actor, event)
    return answer


def _open(request: KeyedRequest, found: SealedAnswer) -> tuple[bytes, StoredAnswer | None]:
    try:
        place = _place(request.context.account_id, found.id, found.user_id)
        return decode(request.sealer.open(found.sealed_answer, place))
    except SealBroken as error:
        log.exception("sealed answer does not open", answer_id=str(found.id), reason=str(error))
        raise _gone() from error


def _gone() -> Gone:
    return Gone("The request was done. Its answer cannot be read back any more.", code="answer_gone")


async def keep_answer(tx: AsyncConnection, request: KeyedRequest, answer: StoredAnswer) -> None:
    """Store the answer, sealed, in the transaction of what it tells."""
    context, answer_id = request.context, new_id(request.context.now)
    place = _place(context.account_id, answer_id, request.user_id)
    sealed = SealedAnswer(
        id=answer_id,
        user_id=request.user_id,
        session_id=request.session_id,
        api_token_id=request.api_token_id,
        key_digest=request.key_digest,
        sealed_answer=request.sealer.seal(encode(request.content_digest, answer), place),
        expires_at=context.now + LIFETIME,
    )
    await repository.add_answer(tx, context.account_id, sealed)
