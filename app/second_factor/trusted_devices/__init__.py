"""Trusted devices: browsers and apps that may skip the passcode for some days."""
