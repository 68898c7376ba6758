"""Taking users over from another system, with the hashes of their passwords and their TOTP secrets."""
