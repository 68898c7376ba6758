"""Look-up secrets, each good once."""
