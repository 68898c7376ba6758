"""Request and answer schemas of challenges."""

from datetime import datetime
from uuid import UUID

from app.second_factor.challenges.use_cases import IssuedChallenge
from app.second_factor.kinds.kind import Kind
from app.second_factor.schemas import KindAnswer, KindFields, ShownKind
from app.web.wire import Body, BodyId


class NewChallenge(Body):
    """The authenticator that the challenge is for."""

    authenticator_id: BodyId


class Challenge(KindAnswer):
    """A challenge that the authenticator answers once; a newer challenge voids an older one."""

    authenticator_id: UUID
    kind: ShownKind
    expires_at: datetime

    @classmethod
    def fields_of(cls, kind: Kind) -> KindFields:
        """Return the JSON schemas of the fields that the kind adds to a challenge."""
        return kind.challenge_fields


def show_challenge(asked: IssuedChallenge) -> Challenge:
    """Return the answer schema of a new challenge."""
    return Challenge(
        authenticator_id=asked.authenticator_id, kind=asked.kind, expires_at=asked.expires_at, **asked.shown
    )
