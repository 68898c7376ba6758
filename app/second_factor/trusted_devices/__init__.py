"""What may skip the passcode, for a while."""
