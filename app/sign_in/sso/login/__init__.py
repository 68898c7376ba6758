"""The start of a browser login at an identity provider, for every protocol."""
