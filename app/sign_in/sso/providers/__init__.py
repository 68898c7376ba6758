"""The configuration of an account's identity providers."""
