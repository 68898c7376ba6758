"""Step-up: proving the second factor again, or without an authenticator the password."""
