"""The identity providers of an account, as its admins name them."""
