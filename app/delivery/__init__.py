"""Telling people by e-mail what happened: letters, what they say, and the way out."""
