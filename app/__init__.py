"""Passgate: account-wide two-factor authentication as a service."""
