"""The errors of the embedded Postgres."""


class EmbeddedPostgresError(Exception):
    """The embedded Postgres cannot run; the message is one line for an operator."""


class EmbeddedPostgresLostError(EmbeddedPostgresError):
    """The embedded Postgres ended while it was needed, and could not be started again."""
