"""`python -m connectors` is the `connectors` command."""

from connectors.cli import main

if __name__ == "__main__":
    main()
