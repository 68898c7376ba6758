"""One narrow row a user: what every change of the second factor locks first, and what it counts.

`version` grows whenever the password, e-mail address, authenticators or status change; a sign-in or an enrollment
begun at an older version is dead. `failures` and `blocked_until` belong to sign-in, `step_up_failures` and
`step_up_blocked_until` to step-up: neither limit touches the other. The last two columns say what a third party's
word about the user is worth; they stand here because their changes need this row's lock anyway.
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
    Column("address_proven_at", Moment),  # when somebody first showed that they read letters to the address
    Column("provider_external_id", Text),  # the external id that a provider gave, not an admin
    belongs_to_user(),
    CheckConstraint("failures >= 0", name="failures"),
    CheckConstraint("passcode_frequency IN ('every_30_days', 'every_sign_in')", name="passcode_frequency"),
    postgresql_with={"fillfactor": 70},  # every attempt updates it: room for updates that touch no index
)
