"""Sign-in by a JWT that the application's own sign-in issues, signed with a shared secret (HS256)."""
