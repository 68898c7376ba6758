"""The account and its security policy."""
