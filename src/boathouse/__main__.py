"""Entry point of the installed package: ``boathouse …`` and ``python -m boathouse …``."""

from boathouse.cli import main

if __name__ == "__main__":
    main()
