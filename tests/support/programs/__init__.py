"""Real programs beside the service: browsers, servers, providers."""
