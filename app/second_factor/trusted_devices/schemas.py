"""Answer schema of a trusted device. The secret is returned once, to the device itself."""

from datetime import datetime
from uuid import UUID

from app.web.wire import Answer


class TrustedDevice(Answer):
    """A browser or app that may skip the passcode until `expires_at`."""

    id: UUID
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    ip: str
    user_agent: str
