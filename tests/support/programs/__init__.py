"""Real programs that tests run: browsers, servers, identity providers."""
