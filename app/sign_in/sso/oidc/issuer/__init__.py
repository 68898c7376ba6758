"""Talking to OpenID Connect issuers: what they publish, and the code that one gives for a token."""
