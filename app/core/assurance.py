"""How much a session has shown, and how recently: assurance levels (NIST SP 800-63B-4) and freshness."""

from datetime import timedelta

from app.core.callers import Caller

FRESH = timedelta(minutes=10)

AAL1 = "aal1"
AAL2 = "aal2"

# Authentication methods of a session (RFC 8176 where it has a value); each authenticator kind names its own.
PASSWORD = "pwd"  # noqa: S105 -- the name of a method, not a password
RECOVERY_CODE = "recovery_code"
SSO = "sso"  # what a third party vouched for, whatever it asked of the user
FIRST_FACTORS = frozenset({PASSWORD, SSO})


def is_fresh(caller: Caller, *, for_enrolling: bool = False) -> bool:
    """Whether the caller has proven enough, within the last 10 minutes in this session, for a sensitive act.

    Once a user has a confirmed authenticator only the second factor counts; before, the first. While the account
    requires 2FA of a caller who has not set it up, the first factor makes fresh `for_enrolling` only.
    """
    if caller.has_authenticator:
        proven_at = caller.second_factor_at
    elif caller.required_by_account and not for_enrolling:
        return False
    else:
        proven_at = caller.first_factor_at
    return proven_at is not None and caller.now - proven_at <= FRESH
