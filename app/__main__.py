"""`python -m app` does what `passgate` does."""

from app.cli import main

main()
