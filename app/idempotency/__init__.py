"""Requests with an `Idempotency-Key`: done once, and a lost answer can be read back once."""
