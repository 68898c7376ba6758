"""Sealing, digesting and hashing."""
