"""Recovery codes: look-up secrets that can each be used once."""
