"""Where a browser begins to sign in by an identity provider, whatever protocol that speaks."""
