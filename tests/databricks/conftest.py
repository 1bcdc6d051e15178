"""An environment with versions, for the approval that a deployment job takes."""

from tests.lifecycle.conftest import setup, template

__all__ = ["setup", "template"]
