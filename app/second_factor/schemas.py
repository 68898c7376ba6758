"""A passcode on the wire."""

from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from app.second_factor.passcode import RecoveryCode, TotpPasscode, parse


def _passcode(value: Any) -> TotpPasscode | RecoveryCode:
    passcode = parse(value) if isinstance(value, str) else None
    if passcode is None:
        raise ValueError("six digits or a recovery code")
    return passcode


Passcode = Annotated[
    TotpPasscode | RecoveryCode,
    PlainValidator(_passcode),
    WithJsonSchema({"type": "string", "description": "six ASCII digits, or a recovery code"}),
]
