"""Challenges for authenticator kinds that need one; the first answer removes the challenge."""
