"""An environment with versions, for the approval that a deployment job takes; a workspace to ask for secrets."""

from tests.fixtures.rehearsed_workspace import deployed, rehearsed
from tests.lifecycle.conftest import setup, template

__all__ = ["deployed", "rehearsed", "setup", "template"]
