"""Entry point of `passgate` and of `python -m app`."""


def main() -> None:
    """Run the command line."""
    from app.cli import main as run  # noqa: PLC0415 -- each worker process imports this script, but not the command line

    run()


if __name__ == "__main__":
    main()
