"""Links in e-mails. The sending job makes the token; once it is sent, only a digest is kept."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata, sealed

links = Table(
    "links",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("email", Text),  # the new address, if the link confirms or stops a change of address
    Column("token_digest", LargeBinary),
    sealed("sealed_token", user="user_id", nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    # Who requested the change of address. The link is void once they lose the authority for it.
    Column("requested_by", Uuid),
    belongs_to_user(),
    UniqueConstraint("account_id", "token_digest"),
    Index(None, "account_id", "user_id"),
    CheckConstraint("purpose IN ('invitation', 'password', 'email', 'email_stop')", name="purpose"),
)
