"""The keys that sign identity tokens: the service's own, not an account's, and shared by all instances.

Every key of every table begins with `account_id`; here it is `NIL_ID`. So the rule holds
without an exception, a distributed Postgres has a place for these rows, and what is sealed is bound to a place as
everywhere. Of a key only its sealed private half is stored: the public half is derived from it, so that nobody who
can write here, and does not know the key that seals, can have a key of their own published.
"""

from sqlalchemy import Column, Integer, Table, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, metadata, sealed

signing_keys = Table(
    "signing_keys",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("generation", Integer, nullable=False),  # 1, 2, ...: of two instances that make the next, one does
    sealed("sealed_private_key", user=None),
    Column("signs_from", Moment, nullable=False),  # and until the next generation does
    UniqueConstraint("account_id", "generation"),
)
