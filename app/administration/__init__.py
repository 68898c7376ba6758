"""The tasks of owners and admins: users, policy, user import, reports."""
