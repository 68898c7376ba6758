"""Browser login at a SAML 2.0 identity provider."""
