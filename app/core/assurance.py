"""Assurance levels (NIST SP 800-63B-4), authentication methods, and freshness of a session."""

from datetime import timedelta

from app.core.callers import Caller

FRESH = timedelta(minutes=10)

AAL1 = "aal1"
AAL2 = "aal2"

# Authentication methods (`amr`) of a session: values of RFC 8176 if there are any. Each authenticator kind has its
# own.
PASSWORD = "pwd"  # noqa: S105 -- the name of a method, not a password
RECOVERY_CODE = "recovery_code"
TEST_PASSCODE = "test_passcode"
SSO = "sso"  # authenticated by an identity provider, by whatever means
FIRST_FACTORS = frozenset({PASSWORD, SSO})


def is_fresh(caller: Caller, *, for_enrolling: bool = False) -> bool:
    """Whether the caller authenticated within the last 10 minutes of this session.

    If the user has a confirmed authenticator, only the second factor counts; otherwise the first factor counts. If
    the account requires 2FA and the caller has not set it up, the first factor counts only `for_enrolling`.
    """
    if caller.has_authenticator:
        proven_at = caller.second_factor_at
    elif caller.must_set_up_two_factor and not for_enrolling:
        return False
    else:
        proven_at = caller.first_factor_at
    return proven_at is not None and caller.now - proven_at <= FRESH
