"""What all HTTP has in common."""
