"""The tables, one file each, apart from the features: a foreign key never makes one feature import another."""

from app.database.tables.accounts import accounts
from app.database.tables.audit_events import audit_events
from app.database.tables.authenticators import authenticators
from app.database.tables.enrollments import enrollments
from app.database.tables.password_limits import password_limits
from app.database.tables.recovery_codes import recovery_code_sets, recovery_codes
from app.database.tables.second_factor_state import second_factor_state
from app.database.tables.security_policies import security_policies
from app.database.tables.sessions import sessions
from app.database.tables.sign_ins import sign_ins
from app.database.tables.trusted_devices import trusted_devices
from app.database.tables.users import users

__all__ = [
    "accounts",
    "audit_events",
    "authenticators",
    "enrollments",
    "password_limits",
    "recovery_code_sets",
    "recovery_codes",
    "second_factor_state",
    "security_policies",
    "sessions",
    "sign_ins",
    "trusted_devices",
    "users",
]
