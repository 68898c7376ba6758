"""The enrollment that a sign-in requires."""
