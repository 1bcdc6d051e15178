"""What can happen to an endpoint: the kinds of the trail ``audit.deployments``."""

from __future__ import annotations

CREATED = "created"
UPDATED = "updated"
STARTED = "started"
PROMOTED = "promoted"
ROLLED_BACK = "rolled_back"
STEP = "step"
PAUSED = "paused"
STOPPED = "stopped"
# Which way of serving was advised; the only kind without a configuration.
ADVISED = "advised"

# Each but the last brings a configuration in its evidence, under "config".
KINDS = (CREATED, UPDATED, STARTED, PROMOTED, ROLLED_BACK, STEP, PAUSED, STOPPED, ADVISED)
