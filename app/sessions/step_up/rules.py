"""The limits of step-up: failures in one session, and failures in all sessions of the user."""

from dataclasses import dataclass, replace
from datetime import datetime

from app.second_factor import throttle


@dataclass(frozen=True)
class StepUpState:
    """The state of a session and its user that a step-up depends on."""

    failures: int  # consecutive failures of the user, in all sessions together
    blocked_until: datetime | None
    authenticators_disabled_at: datetime | None
    session_failures: int  # in this session, since the last success in it
    amr: tuple[str, ...]

    @property
    def session_is_over(self) -> bool:
        """Whether the session ends because too many step-ups failed in it."""
        return self.session_failures >= throttle.MAX_SESSION_FAILURES


def after_failure(state: StepUpState, authenticators: int, now: datetime) -> StepUpState:
    """Return the state after one more failure; `authenticators` is the number of guessable ones."""
    failures = state.failures + 1
    block = throttle.step_up_block_after(failures, authenticators)
    return replace(
        state,
        failures=failures,
        blocked_until=now + block if block else None,
        session_failures=state.session_failures + 1,
    )
