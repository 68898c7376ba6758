"""The way to Postgres, its tables and ids."""
