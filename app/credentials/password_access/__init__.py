"""Calling the API with e-mail address and password, where an account still lets that be."""
