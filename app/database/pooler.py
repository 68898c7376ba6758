"""The mark in a URL that PgBouncer stands in between: each transaction may run on another connection."""

_MARK = "pgbouncer=true"


def without_mark(url: str) -> tuple[str, bool]:
    """Return the URL as drivers read it, and whether it was marked."""
    place, _, query = url.partition("?")
    parameters = query.split("&") if query else []
    kept = [parameter for parameter in parameters if parameter != _MARK]
    return "?".join([place, "&".join(kept)]) if kept else place, len(kept) < len(parameters)
