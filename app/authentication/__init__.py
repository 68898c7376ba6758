"""Who calls, by which credential, and what a route allows."""
