"""The state of a user's second factor, and the verification of passcodes."""
