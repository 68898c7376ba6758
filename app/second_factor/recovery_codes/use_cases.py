"""Making recovery codes, and hashing typed ones. Hashing must run outside transactions."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.crypto.passwords import Argon2Parameters, Hasher
from app.database.engine import Database
from app.second_factor.passcode import RecoveryCode, new_recovery_code
from app.second_factor.recovery_codes import repository
from app.second_factor.recovery_codes.repository import CodeSet

CODES_IN_A_SET = 10
_SALT_BYTES = 16


@dataclass(frozen=True)
class NewCodes:
    """A new set that is not stored yet: the codes to show once, and the digests to store."""

    shown: list[str]
    code_set: CodeSet
    digests: list[bytes]


@dataclass(frozen=True)
class HashedCode:
    """A typed code, hashed with the salt of the set that the user had at that time."""

    set_id: UUID
    digest: bytes


async def make_codes(hasher: Hasher, now: datetime) -> NewCodes:
    """Return ten new codes of 70 random bits each, hashed with one salt."""
    codes = [new_recovery_code() for _ in range(CODES_IN_A_SET)]
    salt = secrets.token_bytes(_SALT_BYTES)
    digests = await hasher.digest_codes([code.characters for code in codes], salt)
    code_set = CodeSet(new_id(now), salt, hasher.parameters.encode())
    return NewCodes([code.shown for code in codes], code_set, digests)


async def hash_typed_code(
    database: Database, hasher: Hasher, account_id: UUID, user_id: UUID, code: RecoveryCode
) -> HashedCode | None:
    """Hash the code with the salt and parameters of the user's set; None if there is no set."""
    async with database.read() as tx:
        code_set = await repository.find_set(tx, account_id, user_id)
    if code_set is None:
        return None
    parameters = Argon2Parameters.decode(code_set.parameters)
    [digest] = await hasher.digest_codes([code.characters], code_set.salt, parameters)
    return HashedCode(code_set.id, digest)


async def store_codes(
    tx: AsyncConnection, account_id: UUID, user_id: UUID, codes: NewCodes, *, now: datetime
) -> None:
    """Store these codes for the user; the previous set is deleted."""
    await repository.replace_set(tx, account_id, user_id, codes.code_set, codes.digests, now=now)
