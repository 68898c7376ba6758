"""The two-factor status report: requested, written by the worker, and downloaded."""
