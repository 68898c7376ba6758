"""Postgres: connections, transactions, statements, tables and ids."""
