"""Users with known credentials, inserted in bulk: every passcode is valid and unused."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from argon2 import PasswordHasher, Type
from argon2.low_level import hash_secret_raw

from app.core.ids import new_id
from app.core.secret_keys import parse_keys
from app.crypto.digests import digest, new_secret
from app.crypto.passwords import Argon2Parameters
from app.crypto.sealing import Sealer
from app.second_factor.kinds.totp import algorithm as totp
from app.second_factor.passcode import new_recovery_code
from app.second_factor.use_cases import secret_associated_data

ACCOUNT = "bench"
PASSWORD = "a long enough password"
_TOTP_SECRET = totp.new_secret()  # the same for all users; only the sealed form differs
_CODE, _SALT = new_recovery_code(), b"0" * 16


def _bodies(tokens: list[str], passcode: str) -> list[str]:
    return [json.dumps({"sign_in_token": token, "passcode": passcode}) for token in tokens]


class People:
    """The account `bench` and its users."""

    def __init__(self, connection: asyncpg.Connection, keys: str) -> None:
        self._connection = connection
        self._sealer = Sealer(parse_keys(keys))
        self.account_id = new_id(datetime.now(UTC))
        self._cost = cost = Argon2Parameters()
        hasher = PasswordHasher(cost.time_cost, cost.memory_kib, 1)
        self._password_hash = hasher.hash(PASSWORD)
        # All users have the same code, each in their own set, because hashing many codes would take too long.
        self._code_digest = hash_secret_raw(
            _CODE.characters.encode(), _SALT, cost.time_cost, cost.memory_kib, 1, 32, Type.ID
        )

    async def found(self) -> None:
        """Create the account, with a policy that does not require 2FA."""
        now = datetime.now(UTC)
        await self._connection.execute(
            "INSERT INTO accounts (id, slug, name, created_at) VALUES ($1, $2, 'Bench', $3)",
            self.account_id,
            ACCOUNT,
            now,
        )
        await self._connection.execute(
            "INSERT INTO security_policies VALUES ($1, false, false, false, 30, '{totp}', '{totp}', 1, $2)",
            self.account_id,
            now,
        )

    async def _copy(self, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        await self._connection.copy_records_to_table(table, records=rows, columns=columns.split())

    async def _add_users(self, count: int, *, role: str = "agent") -> list[tuple[uuid.UUID, str]]:
        now = datetime.now(UTC)
        added = [(new_id(now), f"{uuid.uuid4().hex}@example.com") for _ in range(count)]
        account = self.account_id
        await self._copy(
            "users",
            "account_id id email email_key name role status locale password_hash created_at",
            [(account, i, e, e, "Somebody", role, "active", "en", self._password_hash, now) for i, e in added],
        )
        await self._copy(
            "second_factor_state",
            "account_id user_id version failures turned_on_by_user passcode_frequency",
            [(account, i, 1, 0, True, "every_30_days") for i, _ in added],
        )
        return added

    async def passcodes(self, count: int, *, right: bool) -> list[str]:
        """Return bodies for the passcode step, each of a different user, valid for 30 s or more."""
        step = totp.step_at(datetime.now(UTC))
        near = {totp.passcode_at(_TOTP_SECRET, step + n) for n in range(-3, 4)}
        wrong = next(f"{n:06}" for n in range(10) if f"{n:06}" not in near)
        tokens = await self._waiting_for_passcode(count)
        return _bodies(tokens, totp.passcode_at(_TOTP_SECRET, step) if right else wrong)

    async def recovery_codes(self, count: int) -> list[str]:
        """Return bodies for the passcode step: unused recovery codes of different users."""
        return _bodies(await self._waiting_for_passcode(count), _CODE.shown)

    async def _waiting_for_passcode(self, count: int) -> list[str]:
        """Return tokens of sign-ins that wait for a passcode, each of a different, complete user."""
        now = datetime.now(UTC)
        account, users = self.account_id, await self._add_users(count)
        authenticators, sign_ins, tokens = [], [], []
        for user_id, _ in users:
            id_, token = new_id(now), new_secret("pgi_")
            sealed = self._sealer.seal(_TOTP_SECRET, secret_associated_data(account, user_id, id_))
            authenticators.append((account, id_, user_id, "totp", "Phone", sealed, 0, now))
            expires = now + timedelta(minutes=10)
            sign_ins.append((account, new_id(now), user_id, digest(token), "passcode", 1, now, expires))
            tokens.append(token)
        await self._copy(
            "authenticators",
            "account_id id user_id kind label sealed_secret last_accepted_step created_at",
            authenticators,
        )
        await self._copy(
            "sign_ins", "account_id id user_id token_digest next_step version created_at expires_at", sign_ins
        )
        await self._copy(
            "recovery_code_sets",
            "account_id id user_id salt parameters created_at",
            [(account, user_id, user_id, _SALT, self._cost.encode(), now) for user_id, _ in users],
        )
        await self._connection.execute(
            "INSERT INTO recovery_codes (account_id, set_id, digest) SELECT $1, set_id, CASE n WHEN 0 THEN $3"
            " ELSE sha256(int4send(n)) END FROM unnest($2::uuid[]) AS set_id, generate_series(0, 9) AS n",
            *(account, [user_id for user_id, _ in users], self._code_digest),
        )
        await self._tell_planner()
        return tokens

    async def _tell_planner(self) -> None:
        """Run ANALYZE now, as autovacuum would about a minute after the inserts."""
        await self._connection.execute(
            "ANALYZE users, second_factor_state, authenticators, sign_ins, recovery_codes"
        )

    async def passwords(self, count: int) -> list[str]:
        """Return bodies for the password step, each of a different user without authenticator."""
        users = await self._add_users(count, role="end_user")
        await self._tell_planner()
        return [json.dumps({"email": email, "password": PASSWORD}) for _, email in users]

    async def caller(self) -> tuple[str, str]:
        """Return the `Authorization` headers of a new admin: with an API token, and with a session."""
        now = datetime.now(UTC)
        [(user_id, email)] = await self._add_users(1, role="admin")
        token, session = new_secret("pgt_"), new_secret("pgs_")
        await self._connection.execute(
            "INSERT INTO api_tokens (account_id, id, user_id, token_digest, description, scopes, created_at)"
            " VALUES ($1, $2, $3, $4, 'bench', '{api}', $5)",
            *(self.account_id, new_id(now), user_id, digest(token), now),
        )
        await self._connection.execute(
            "INSERT INTO sessions (account_id, id, user_id, token_digest, amr, created_at, last_seen_at, ip,"
            " user_agent) VALUES ($1, $2, $3, $4, '{pwd}', $5, $5, '', '')",
            *(self.account_id, new_id(now), user_id, digest(session), now),
        )
        basic = base64.b64encode(f"{email}/token:{token}".encode()).decode()
        return f"Basic {basic}", f"Bearer {session}"
