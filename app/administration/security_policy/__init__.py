"""Changing the account's security policy."""
