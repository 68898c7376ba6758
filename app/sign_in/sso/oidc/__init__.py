"""Signing in by OpenID Connect: with an ID token of a native client, or by a browser's way to the issuer and back."""
