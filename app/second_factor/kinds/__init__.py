"""The authenticator kinds, one folder each."""
