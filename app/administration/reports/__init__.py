"""The two-factor status report: asked for, written by the worker, and downloaded."""
