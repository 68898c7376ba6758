"""Times in the format of the API."""

from datetime import datetime


def on_the_wire(moment: datetime) -> str:
    """Return RFC 3339 in UTC with `Z` (docs/api.md section 2)."""
    return moment.isoformat().replace("+00:00", "Z")
