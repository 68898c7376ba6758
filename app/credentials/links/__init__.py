"""Links in e-mails: for choosing a password and for confirming an address, each good once."""
