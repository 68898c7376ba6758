"""Request and answer schemas of sessions and step-up."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict

from app.accounts.users.schemas import User
from app.second_factor.kinds import registry
from app.second_factor.schemas import Passcode
from app.web.wire import LEFT_OUT, Answer, Body, GivenPassword, Open, OpenList, WithoutNull


class Session(Answer):
    """A session. `expires_at` is when it expires if it is not used again."""

    id: UUID
    user_id: UUID
    amr: list[Annotated[str, OpenList(registry.all_amr)]]
    assurance: Open[Literal["aal1", "aal2"]]
    authenticated_at: datetime
    second_factor_at: datetime | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str
    user_agent: str
    current: bool


class NewSession(Session):
    """A new session with its token, which is shown only once."""

    token: str


class MySession(Answer):
    """The current session and its user."""

    session: Session
    user: User


class StepUp(Body):
    """Either a passcode, or the password of a user who has no authenticator.

    A null counts as left out.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    passcode: Annotated[Passcode | None, WithoutNull()] = LEFT_OUT
    password: Annotated[GivenPassword | None, WithoutNull()] = LEFT_OUT
