"""The closed list of what can be recorded (docs/api.md section 10)."""

from app.audit.rules import EventType

CLOSED_LIST = {
    "sign_in": {"succeeded", "failed", "waiting"},
    "passcode": {"failed", "replayed", "locked"},
    "enrollment": {"begun"},
    "authenticator": {"added", "renamed", "removed"},
    "two_factor": {"turned_on", "turned_off", "frequency_changed"},
    "recovery_code": {"used"},
    "recovery_codes": {"regenerated"},
    "trusted_device": {"added", "revoked"},
    "session": {"stepped_up", "ended"},
    "policy": {"changed"},
    "user": {"created", "changed", "deleted"},
    "users": {"imported"},
    "account": {"renamed"},
    "password": {"changed", "failed"},
    "password_link": {"created"},
    "email_change": {"stopped"},
    "ownership": {"handed_over"},
    "api_token": {"created", "revoked", "used"},
    "report": {"requested", "downloaded"},
    "sso": {"signed_in", "linked", "unlinked"},
    "answer": {"read_back"},
    "access": {"denied"},
    "limit": {"reached"},
}


def test_the_event_types_are_those_of_the_documented_list() -> None:
    listed = {f"{subject}.{action}" for subject, actions in CLOSED_LIST.items() for action in actions}

    assert {event_type.value for event_type in EventType} == listed
