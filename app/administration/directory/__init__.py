"""The owner and admins list, invite, change, suspend and delete the users of an account."""
