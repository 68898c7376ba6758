"""The error for an answer that is not accepted."""


class SamlRefused(Exception):  # noqa: N818 -- named like the refusals of `app.core.errors`
    """An answer is not accepted. The message is for the log and quotes nothing from the document."""
