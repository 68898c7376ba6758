"""How a TOTP secret reaches an authenticator app: as a URI in Google's Key URI format, and as its QR code."""

from io import BytesIO
from urllib.parse import quote

import segno

from app.second_factor.kinds.totp.algorithm import encode_secret

_QUIET_ZONE = 4  # modules of white on each side; ISO/IEC 18004 asks for no less


def otpauth_uri(*, account_name: str, email: str, secret: bytes) -> str:
    """Return `otpauth://totp/{account name}:{email}?secret=...&issuer={account name}`, in ASCII.

    SHA-1, six digits and 30 seconds are the format's defaults and go unsaid: some apps misread them.
    """
    issuer = _part(account_name)
    return f"otpauth://totp/{issuer}:{_part(email)}?secret={encode_secret(secret)}&issuer={issuer}"


def qr_code_svg(uri: str) -> str:
    """Return an `<svg>` element, black on white, that fills whatever box it is given.

    Raise `ValueError` for a URI of more than 2953 bytes, which no QR code holds (ISO/IEC 18004).
    """
    # The least error correction gives the fewest and so the largest modules, and a screen has no dirt on it.
    code = segno.make_qr(uri, error="L")
    svg = BytesIO()
    code.save(
        svg,
        kind="svg",
        border=_QUIET_ZONE,
        dark="#000",
        light="#fff",
        omitsize=True,
        svgns=True,  # a page needs no namespace, an image of its own does
        xmldecl=False,
        nl=False,
        svgclass=None,
        lineclass=None,
    )
    return svg.getvalue().decode()


def _part(text: str) -> str:
    # A colon, even an encoded one, parts the issuer from the user; and apps show "%40" as it is.
    return quote(text.replace(":", " "), safe="@")
