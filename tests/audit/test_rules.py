"""The closed list of what can be recorded (docs/api.md section 10)."""

from app.audit.rules import EventType

CLOSED_LIST = {
    "sign_in": {"succeeded", "failed", "waiting"},
    "passcode": {"failed", "replayed", "locked", "delivered"},
    "enrollment": {"begun"},
    "authenticator": {"added", "renamed", "removed"},
    "two_factor": {"turned_on", "turned_off", "frequency_changed"},
    "recovery_code": {"used"},
    "recovery_codes": {"regenerated"},
    "trusted_device": {"added", "revoked"},
    "session": {"stepped_up", "ended"},
    "policy": {"changed"},
    "user": {"created", "changed", "deleted"},
    "password": {"changed", "failed"},
    "email_change": {"stopped"},
    "ownership": {"handed_over"},
    "api_token": {"created", "revoked", "used"},
    "report": {"requested", "downloaded"},
    "sso": {"signed_in", "linked", "unlinked"},
    "answer": {"read_back"},
    "access": {"denied"},
    "limit": {"reached"},
}


def test_every_event_type_is_in_the_documented_list() -> None:
    for event_type in EventType:
        subject, _, action = event_type.value.partition(".")
        assert action in CLOSED_LIST[subject]
