"""Whom identity providers mean: what links a third party's name for somebody to a user."""
