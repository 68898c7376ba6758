"""OpenID Connect issuers: their published documents, and the token endpoint."""
