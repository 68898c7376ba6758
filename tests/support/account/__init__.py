"""Accounts, users and clients in the states that tests start from."""
