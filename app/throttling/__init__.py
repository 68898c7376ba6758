"""How many wrong passwords are judged."""
