"""What no client sees: tables, jobs, letters, locks, work."""
