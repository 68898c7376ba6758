"""The certificates of an identity provider. Only their public keys count; an admin trusts them by hand."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_LEAST_RSA_BITS = 2048


def read_certificate(text: str) -> x509.Certificate:
    """Parse a certificate in PEM, or in bare base64 as in metadata.

    Raises `ValueError` for anything else, and for a key that is neither RSA of 2048 bits or more nor on an
    elliptic curve.
    """
    if "-----BEGIN" in text:
        certificate = x509.load_pem_x509_certificate(text.strip().encode())
    else:
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(text.split()), validate=True))
    key = certificate.public_key()
    is_long = isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS
    if not is_long and not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("The key is neither RSA of 2048 bits or more nor on an elliptic curve.")
    return certificate
