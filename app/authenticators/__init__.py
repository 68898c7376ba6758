"""Pure mechanisms: what a passcode is and when it is right."""
