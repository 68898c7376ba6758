"""What people and programs prove themselves with, beside authenticators."""
