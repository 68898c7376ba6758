"""E-mails to users: their data, their text, and their delivery by SMTP."""
