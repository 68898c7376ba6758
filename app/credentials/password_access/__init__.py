"""API access with e-mail address and password, if the account still allows it."""
