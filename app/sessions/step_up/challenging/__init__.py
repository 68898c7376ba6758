"""Step-up with an authenticator whose kind uses challenges."""
