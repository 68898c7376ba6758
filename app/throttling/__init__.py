"""Rate limits for password attempts, password links, SSO and assertions."""
