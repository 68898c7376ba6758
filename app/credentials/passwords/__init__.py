"""Rules for new passwords, and changing one's own password."""
