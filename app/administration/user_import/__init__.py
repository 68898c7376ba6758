"""Importing users from another system, with their password hashes and TOTP secrets."""
