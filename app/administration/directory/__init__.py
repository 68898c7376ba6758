"""Who is in the account: listed, invited, changed, suspended and deleted by the owner and admins."""
