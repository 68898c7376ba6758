"""The state of the second factor: one narrow row per user, which every change locks first.

`version` grows whenever the password, e-mail address, authenticators or status change; that ends sign-ins and
enrollments begun at an older version. `failures` and `blocked_until` are for sign-in, `step_up_failures` and
`step_up_blocked_until` for step-up: the limits are independent. The last two columns concern the user's
third-party identities; they are here because their changes need the lock of this row anyway.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, Table, Text, Uuid, text

from app.database.base import Moment, account_id, belongs_to_user, metadata

second_factor_state = Table(
    "second_factor_state",
    metadata,
    account_id(),
    Column("user_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", Moment),
    Column("authenticators_disabled_at", Moment),
    Column("turned_on_by_user", Boolean, nullable=False),
    Column("passcode_frequency", Text, nullable=False),
    Column("last_passcode_at", Moment),
    Column("step_up_failures", Integer, nullable=False, server_default=text("0")),
    Column("step_up_blocked_until", Moment),
    Column("address_proven_at", Moment),  # when control of the e-mail address was first proven
    Column("provider_external_id", Text),  # the external id, if a provider set it and not an admin
    belongs_to_user(),
    CheckConstraint("failures >= 0", name="failures"),
    CheckConstraint("passcode_frequency IN ('every_30_days', 'every_sign_in')", name="passcode_frequency"),
    postgresql_with={"fillfactor": 70},  # every attempt updates the row: room for HOT updates
)
