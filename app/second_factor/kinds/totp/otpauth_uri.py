"""A TOTP secret for an authenticator app: a URI in Google's Key URI format, and its QR code."""

from io import BytesIO
from urllib.parse import quote

import segno

from app.second_factor.kinds.totp.algorithm import encode_secret

_QUIET_ZONE = 4  # white modules on each side; ISO/IEC 18004 requires at least 4


def otpauth_uri(*, account_name: str, email: str, secret: bytes) -> str:
    """Return `otpauth://totp/{account name}:{email}?secret=...&issuer={account name}`, in ASCII.

    SHA-1, six digits and 30 seconds are the format's defaults, and are left out because some apps misread them.
    """
    issuer = _part(account_name)
    return f"otpauth://totp/{issuer}:{_part(email)}?secret={encode_secret(secret)}&issuer={issuer}"


def qr_code_svg(uri: str) -> str:
    """Return an `<svg>` element, black on white, that scales to the size of its container.

    Assistive technology announces it as an image with the name "QR code". The name is the same for every user, so
    that no text of a user gets into the markup.
    Raises `ValueError` for a URI of more than 2953 bytes, the limit of a QR code (ISO/IEC 18004).
    """
    # The lowest error correction gives the fewest and so the largest modules; a screen has no damaged areas.
    code = segno.make_qr(uri, error="L")
    svg = BytesIO()
    code.save(
        svg,
        kind="svg",
        border=_QUIET_ZONE,
        dark="#000",
        light="#fff",
        omitsize=True,
        svgns=True,  # needed when it is saved as an image file; inline in HTML it does no harm
        xmldecl=False,
        nl=False,
        title="QR code",
        svgclass=None,
        lineclass=None,
    )
    return svg.getvalue().decode().replace("<svg ", '<svg role="img" ', 1)


def _part(text: str) -> str:
    # A colon, even an encoded one, separates the issuer from the user. Apps display "%40" undecoded.
    return quote(text.replace(":", " "), safe="@")
