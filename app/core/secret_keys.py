"""Parse the setting with the encryption keys, and generate a first one."""

import base64
import re
import secrets

KEY_BYTES = 32
KEY_ID = re.compile("[A-Za-z0-9_-]{1,32}")


def parse_keys(text: str) -> dict[str, bytes]:
    """Parse a comma-separated list of `id:base64 of 32 bytes`; the first key encrypts.

    Raise `ValueError` with one sentence. It gives the number of the entry and quotes nothing, not even the id: in
    a mistyped setting, key material may be anywhere.
    """
    if not text.strip():
        raise ValueError("The key setting is empty.")
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(text.split(","), start=1):
        key_id, colon, encoded = entry.strip().partition(":")
        if not colon:
            raise ValueError(f"Key {number} of the setting has no colon between its id and its base64.")
        if not KEY_ID.fullmatch(key_id):
            raise ValueError(
                f"Key {number} of the setting has an id that is not 1 to 32 of A-Z, a-z, 0-9, _ and -."
            )
        if key_id in keys:
            raise ValueError(f"Key {number} of the setting has the id of an earlier one.")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise ValueError(f"Key {number} of the setting is not base64.") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"Key {number} of the setting is {len(key)} bytes long instead of {KEY_BYTES}.")
        keys[key_id] = key
    return keys


def new_key_setting() -> str:
    """Return a setting for `parse_keys` with one new random key, named `k1`."""
    return "k1:" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
