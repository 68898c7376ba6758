"""What a user sees and changes of their own record: name and locale."""
