"""Binding an authenticator."""
