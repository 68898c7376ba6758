"""Credentials other than authenticators: passwords, links, API tokens, SSO identities."""
