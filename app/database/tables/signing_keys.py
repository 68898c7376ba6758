"""The keys that sign identity tokens. They belong to the service; all instances share them.

Every primary key begins with `account_id`; here it is `NIL_ID`. So the rule has no exception, a
distributed Postgres can place these rows, and the associated data of sealed values has the same form as
everywhere. Only the sealed private key is stored. The public key is derived from it, so an attacker who can write
to this table but does not know the sealing key cannot make the service publish another public key.
"""

from sqlalchemy import Column, Integer, Table, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, metadata, sealed

signing_keys = Table(
    "signing_keys",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("generation", Integer, nullable=False),  # 1, 2, ...; unique, so only one instance makes the next key
    sealed("sealed_private_key", user=None),
    Column("signs_from", Moment, nullable=False),  # until `signs_from` of the next generation
    UniqueConstraint("account_id", "generation"),
)
