"""What everything else is built on: settings, errors, clock, logs, metrics, traces, assurance."""
