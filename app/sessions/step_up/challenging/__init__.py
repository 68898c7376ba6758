"""Stepping up by an authenticator that is asked something first."""
