"""Basics of all other packages: settings, errors, clock, logs, metrics, traces, assurance."""
