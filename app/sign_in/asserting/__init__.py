"""Passgate as the second factor of an application that checks the first factor itself."""
