"""Signing in by OpenID Connect: with a native client's ID token, or by a browser's way to the issuer."""
