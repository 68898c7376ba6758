"""Test support: a real Postgres, HTTP clients, a settable clock, and users in every state."""
