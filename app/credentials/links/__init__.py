"""Single-use links in e-mails, to choose a password and to confirm or stop an e-mail change."""
