"""The kinds of authenticators, one folder each."""
