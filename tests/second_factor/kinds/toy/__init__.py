"""Kinds for tests only: they show that a new kind changes no file of `app/`."""
