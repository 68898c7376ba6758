"""The state of a user's second factor, and the judging of passcodes."""
