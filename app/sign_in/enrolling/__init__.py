"""The enrollment that a sign-in demands."""
