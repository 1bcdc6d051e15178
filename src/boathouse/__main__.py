"""Entry point of the installed package: ``boathouse …`` and ``python -m boathouse …``."""

import logging

from boathouse.cli.interruption import expect_signals

expect_signals()
# Kedro announces its logging configuration while it is imported, before ours can apply.
logging.getLogger("kedro.framework.project").addFilter(lambda record: not str(record.msg).startswith("Using '"))
from boathouse.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="boathouse")
