"""Identity tokens: who is signed in, told to another service that verifies it by our public keys."""
