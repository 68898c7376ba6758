"""`passgate`, and `python -m app`, which does the same."""


def main() -> None:
    """Run the command line."""
    from app.cli import main as run  # noqa: PLC0415 -- every worker process loads this script anew, and needs no more

    run()


if __name__ == "__main__":
    main()
