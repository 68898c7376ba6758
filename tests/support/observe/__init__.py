"""Inspecting what no client sees: tables, jobs, e-mails, locks, hashing."""
