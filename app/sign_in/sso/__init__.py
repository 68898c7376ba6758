"""Sign-in by a third party: JWT, OpenID Connect, SAML."""
