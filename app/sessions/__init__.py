"""Sessions and step-up."""
