"""The directory of users."""
