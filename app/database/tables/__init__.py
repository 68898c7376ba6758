"""The tables, one file each.

They are separate from the features, so that a foreign key never makes one feature import another.
"""

from app.database.tables import triggers  # noqa: F401 -- registers them with the metadata
from app.database.tables.accounts import accounts
from app.database.tables.api_tokens import api_tokens
from app.database.tables.audit_events import audit_events
from app.database.tables.authenticators import authenticators
from app.database.tables.challenges import challenges
from app.database.tables.delivery_counts import delivery_counts
from app.database.tables.enrollments import enrollments
from app.database.tables.links import links
from app.database.tables.password_limits import password_limits
from app.database.tables.recovery_codes import recovery_code_sets, recovery_codes
from app.database.tables.report_chunks import report_chunks
from app.database.tables.reports import reports
from app.database.tables.second_factor_state import second_factor_state
from app.database.tables.security_policies import security_policies
from app.database.tables.sessions import sessions
from app.database.tables.sign_ins import sign_ins
from app.database.tables.signing_keys import signing_keys
from app.database.tables.sso_providers import sso_identities, sso_providers
from app.database.tables.sso_sign_ins import exchange_codes, sso_requests, sso_used_tokens
from app.database.tables.stored_answers import stored_answers
from app.database.tables.trusted_devices import trusted_devices
from app.database.tables.users import users

__all__ = [
    "accounts",
    "api_tokens",
    "audit_events",
    "authenticators",
    "challenges",
    "delivery_counts",
    "enrollments",
    "exchange_codes",
    "links",
    "password_limits",
    "recovery_code_sets",
    "recovery_codes",
    "report_chunks",
    "reports",
    "second_factor_state",
    "security_policies",
    "sessions",
    "sign_ins",
    "signing_keys",
    "sso_identities",
    "sso_providers",
    "sso_requests",
    "sso_used_tokens",
    "stored_answers",
    "trusted_devices",
    "users",
]
