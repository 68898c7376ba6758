"""Sign-in by OpenID Connect: with a native client's ID token, or by a browser login at the issuer."""
