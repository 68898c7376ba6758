"""Tokens by which scripts and gateways call the API."""
