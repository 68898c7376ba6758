"""Signing in by a SAML 2.0 identity provider."""
