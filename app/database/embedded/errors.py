"""The error of the embedded Postgres."""


class EmbeddedPostgresError(Exception):
    """The embedded Postgres cannot run; the message is one line for an operator."""
