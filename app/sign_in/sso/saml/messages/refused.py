"""The one way in which an answer of an identity provider is refused."""


class SamlRefused(Exception):  # noqa: N818 -- a refusal, as those of `app.core.errors`
    """An answer that proves nothing. The reason is for the log: our words, none of the document's."""
