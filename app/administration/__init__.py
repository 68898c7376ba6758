"""What owners and admins do: users, policy, import, reports."""
