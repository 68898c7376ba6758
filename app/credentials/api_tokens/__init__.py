"""API tokens, with which scripts and gateways call the API."""
