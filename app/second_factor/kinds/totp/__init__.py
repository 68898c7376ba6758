"""TOTP authenticators (RFC 6238)."""
