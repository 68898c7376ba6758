"""What is asked of an authenticator before its answer is taken: stored, removed by the first answer."""
