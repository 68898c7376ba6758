"""SSO identities: the link between a subject of an identity provider and a user."""
