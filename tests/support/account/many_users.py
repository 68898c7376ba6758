"""Many users in mixed states, inserted with SQL, because HTTP would take hours."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.callers import Role

# Each byte of a random id decides one property of its user, so that every combination occurs.
_USERS = """
    INSERT INTO users (account_id, id, email, email_key, name, role, status, locale, created_at, last_sign_in_at)
    SELECT :account, gen_random_uuid(),
           'User' || md5(CAST(:role AS text) || n) || '@Example.com',
           'user' || md5(CAST(:role AS text) || n) || '@example.com',
           CASE n % 50 WHEN 0 THEN '=1+' || n WHEN 1 THEN 'Ann "' || n || '" Lee' WHEN 2 THEN E'Zoë,\n' || n
                       ELSE 'User Number ' || n END,
           CASE WHEN CAST(:role AS text) = 'agent' AND n % 97 = 0 THEN 'admin' ELSE CAST(:role AS text) END,
           CASE WHEN n % 23 = 0 THEN 'suspended' ELSE 'active' END, 'en', :now,
           CASE WHEN n % 3 > 0 THEN CAST(:now AS timestamptz) - n * interval '0.37 seconds' END
    FROM generate_series(1, :count) AS n
"""
_STATES = """
    INSERT INTO second_factor_state (account_id, user_id, version, failures, turned_on_by_user, passcode_frequency,
                                     last_passcode_at)
    SELECT account_id, id, 1, 0, get_byte(uuid_send(id), 0) % 5 < 2,
           CASE WHEN get_byte(uuid_send(id), 1) % 5 = 0 THEN 'every_sign_in' ELSE 'every_30_days' END,
           CASE WHEN get_byte(uuid_send(id), 2) % 5 > 1
                THEN CAST(:now AS timestamptz) - random() * interval '9 days' END
    FROM users WHERE account_id = :account AND email LIKE 'User%' ON CONFLICT DO NOTHING
"""
_AUTHENTICATORS = """
    INSERT INTO authenticators (account_id, id, user_id, kind, label, sealed_secret, last_accepted_step,
                                created_at)
    SELECT account_id, gen_random_uuid(), id, 'totp', 'Phone', '\\x00', 0,
           CAST(:now AS timestamptz) - random() * interval '300 days'
    FROM users, generate_series(1, 1 + get_byte(uuid_send(id), 4) % 6 / 5)
    WHERE account_id = :account AND email LIKE 'User%' AND get_byte(uuid_send(id), 3) % 5 < 3
"""
_CODE_SETS = """
    INSERT INTO recovery_code_sets (account_id, id, user_id, salt, parameters, created_at)
    SELECT account_id, gen_random_uuid(), id, '\\x00', '', :now
    FROM users WHERE account_id = :account AND email LIKE 'User%' AND get_byte(uuid_send(id), 3) % 5 < 3
    ON CONFLICT DO NOTHING
"""
_CODES = """
    INSERT INTO recovery_codes (account_id, set_id, digest, used_at)
    SELECT account_id, id, sha256(uuid_send(id) || int4send(n)),
           CASE WHEN random() < 0.2 THEN CAST(:now AS timestamptz) END
    FROM recovery_code_sets, generate_series(1, 10) AS n
    WHERE account_id = :account AND parameters = '' ON CONFLICT DO NOTHING
"""
_DEVICES = """
    INSERT INTO trusted_devices (account_id, id, user_id, secret_digest, trusted_at, days, ip, user_agent)
    SELECT account_id, gen_random_uuid(), id, '\\x00', CAST(:now AS timestamptz) - random() * interval '40 days',
           30 - n * 10, '', ''
    FROM users, generate_series(0, 1) AS n
    WHERE account_id = :account AND email LIKE 'User%' AND get_byte(uuid_send(id), 5) % 2 = 0
"""


async def add_many_users(tx: AsyncConnection, account_id: UUID, role: Role, count: int, now: datetime) -> None:
    """Add `count` users of the role (a few agents become admins), once per account and role."""
    values: dict[str, Any] = {"account": account_id, "role": role.value, "count": count, "now": now}
    for statement in (_USERS, _STATES, _AUTHENTICATORS, _CODE_SETS, _CODES, _DEVICES):
        await tx.execute(text(statement), values)
        # Otherwise the next statement checks its foreign keys with a plan for an almost empty table.
        await tx.execute(text("ANALYZE users, recovery_code_sets"))
