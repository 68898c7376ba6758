"""Proving the second factor again in a session, or the password where there is none."""
