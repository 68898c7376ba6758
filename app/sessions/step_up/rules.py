"""What limits a step-up: the failures in its session, and those in all sessions of the user."""

from dataclasses import dataclass, replace
from datetime import datetime

from app.second_factor import throttle


@dataclass(frozen=True)
class StepUpState:
    """How a session and its user stand, as far as a step-up asks."""

    failures: int  # of the user in a row, in all their sessions together
    blocked_until: datetime | None
    authenticators_disabled_at: datetime | None
    session_failures: int  # in this session, since the last success in it
    amr: tuple[str, ...]

    @property
    def session_is_over(self) -> bool:
        """Whether so many failures end the session."""
        return self.session_failures >= throttle.MOST_SESSION_FAILURES


def after_failure(state: StepUpState, authenticators: int, now: datetime) -> StepUpState:
    """Return the state of a user with so many authenticators after one failure more."""
    failures = state.failures + 1
    block = throttle.step_up_block_after(failures, authenticators)
    return replace(
        state,
        failures=failures,
        blocked_until=now + block if block else None,
        session_failures=state.session_failures + 1,
    )
