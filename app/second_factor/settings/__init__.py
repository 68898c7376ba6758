"""Two-factor authentication settings of a user: on, off, authenticators and recovery codes."""
