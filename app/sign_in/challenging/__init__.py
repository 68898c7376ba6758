"""Signing in by an authenticator that is asked something first."""
