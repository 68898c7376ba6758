"""Cryptography: encryption of stored secrets, digests, password hashes and signed tokens."""
