"""Enrollment: binding an authenticator to a user."""
