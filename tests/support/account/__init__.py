"""An account, its users and clients, in the states that a test begins with."""
