"""Sign-in with an authenticator that needs a challenge."""
