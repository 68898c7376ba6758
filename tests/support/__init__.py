"""What the tests stand on: a real Postgres, a client, a clock to turn, and users in every state."""
