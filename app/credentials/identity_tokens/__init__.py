"""Identity tokens: JWTs about the signed-in user, which other services verify with our keys."""
