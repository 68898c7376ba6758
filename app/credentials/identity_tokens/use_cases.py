"""The signing keys of an instance, and issuing identity tokens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts import repository as accounts
from app.core.callers import Caller
from app.core.ids import NIL_ID, new_id
from app.credentials.identity_tokens import repository, rules
from app.credentials.identity_tokens.repository import SealedKey
from app.credentials.identity_tokens.rules import SigningKey, Successor
from app.crypto.sealing import AssociatedData
from app.crypto.tokens import new_private_key, public_jwk, sign_token
from app.services import Services
from app.sessions.rules import Session


@dataclass(frozen=True)
class _Remembered:
    keys: list[SigningKey]
    public_keys: list[dict[str, str]]
    at: datetime


class KeyRing:
    """The signing keys, cached by this instance for at most one minute.

    An instance that reads the keys creates the first key, creates the next one when it is due, and deletes ended
    ones. With any number of concurrent instances, each of these happens once.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._remembered: _Remembered | None = None

    async def public_keys(self) -> list[dict[str, str]]:
        """Return the published public keys as JWKs, oldest first; there is at least one."""
        return (await self._known()).public_keys

    async def signer(self) -> SigningKey:
        """Return the key that signs now."""
        return rules.signer((await self._known()).keys, self._services.clock.now())

    async def _known(self) -> _Remembered:
        now = self._services.clock.now()
        known = self._remembered
        if known is None or abs(now - known.at) >= rules.REMEMBERED:
            keys = await _current_keys(self._services, now)
            known = _Remembered(keys, [public_jwk(key.private_key, str(key.id)) for key in keys], now)
            self._remembered = known
        return known


async def rotate_signing_key(services: Services) -> datetime:
    """Create the next key, unless there is one already; return when it begins to sign.

    Instances publish it within a minute, and sign with it only after every cache of the old keys has expired. The
    old key stays published until its last token has expired.
    """
    now = services.clock.now()
    keys = await _current_keys(services, now, rotate=True)
    return max(keys, key=lambda key: key.generation).signs_from


async def issue_identity_token(
    services: Services, keys: KeyRing, caller: Caller, session: Session, audience: str
) -> str:
    """Return a token about the caller for `audience`, valid for 5 minutes."""
    async with services.database.read() as tx:
        account = await accounts.get_account(tx, caller.account_id)
    signer = await keys.signer()
    claims = rules.claims(
        session,
        caller.role,
        issuer=services.settings.public_url,
        audience=audience,
        account=account.slug,
        in_test_account=account.test,
        token_id=new_id(caller.now),
    )
    return sign_token(claims, signer.private_key, str(signer.id), now=caller.now, lifetime=rules.TOKEN_LIFETIME)


async def _current_keys(services: Services, now: datetime, *, rotate: bool = False) -> list[SigningKey]:
    """Return the keys to publish, after creating and deleting the keys that are due."""
    keys = await _read(services)
    next_ = rules.successor(keys, now, rotate=rotate)
    if next_:
        await _make(services, next_, now)
        keys = await _read(services)
    ended = {key.id for key in rules.ended(keys, now)}
    if ended:
        async with services.database.begin() as tx:
            await repository.delete_keys(tx, ended)
    return [key for key in keys if key.id not in ended]


async def _read(services: Services) -> list[SigningKey]:
    async with services.database.read() as tx:
        sealed = await repository.list_keys(tx)
    return [
        SigningKey(
            key.id, key.generation, key.signs_from, services.sealer.open(key.sealed_private_key, _place(key.id))
        )
        for key in sealed
    ]


async def _make(services: Services, next_: Successor, now: datetime) -> None:
    id_ = new_id(now)
    sealed = services.sealer.seal(new_private_key(), _place(id_))
    async with services.database.begin() as tx:
        await repository.add_key(tx, SealedKey(id_, next_.generation, next_.signs_from, sealed))


def _place(key_id: UUID) -> AssociatedData:
    return AssociatedData("signing_keys", "sealed_private_key", NIL_ID, key_id, user_id=None)
