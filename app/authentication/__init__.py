"""Authenticating callers by their credential, and what each route allows."""
