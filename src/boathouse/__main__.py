"""Entry point of the installed package: ``boathouse …`` and ``python -m boathouse …``."""

import logging

# Kedro announces its logging configuration while it is imported, before ours can apply.
logging.disable(logging.INFO)
from boathouse.cli.main import main  # noqa: E402

logging.disable(logging.NOTSET)

if __name__ == "__main__":
    main(prog_name="boathouse")
