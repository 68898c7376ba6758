"""Links in e-mails. The token is drawn by the job that sends it; once it was sent, only a digest is left."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.database.base import Moment, account_id, belongs_to_user, metadata, sealed

links = Table(
    "links",
    metadata,
    account_id(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("email", Text),  # the address to be confirmed, where that is the purpose, or to be stopped
    Column("token_digest", LargeBinary),
    sealed("sealed_token", user="user_id", nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("requested_by", Uuid),  # who asked for the change of address: it is void without their authority
    belongs_to_user(),
    UniqueConstraint("account_id", "token_digest"),
    Index(None, "account_id", "user_id"),
    CheckConstraint("purpose IN ('invitation', 'password', 'email', 'email_stop')", name="purpose"),
)
