"""The audit log: what happened, and who did it."""
