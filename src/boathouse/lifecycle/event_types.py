"""What can happen to a registered model: the closed list of the ledger ``audit.promotions``."""

from __future__ import annotations

REGISTERED, CHECKED, REQUESTED = "registered", "checked", "requested"
APPROVED, REJECTED = "approved", "rejected"
PROMOTED, KEPT, ARCHIVED = "promoted", "kept", "archived"
ROLLED_BACK, COPIED, REFUSED = "rolled_back", "copied", "refused"

KINDS = {
    REGISTERED: "A version was registered by a training run.",
    CHECKED: "The gates decided on a version; the evidence holds each with its numbers.",
    REQUESTED: "Somebody asked for a version to be moved to staging or production.",
    APPROVED: "Somebody approved a request, for the exact digest of the version.",
    REJECTED: "Somebody rejected a request; it is closed.",
    PROMOTED: "A version became challenger (staging) or champion (production).",
    KEPT: "A version passed the gates and was no better: the champion stayed, the version is challenger.",
    ARCHIVED: "A version was withdrawn, by a failed gate or by hand.",
    ROLLED_BACK: "An earlier champion took charge again; the version it replaced was withdrawn.",
    COPIED: "A version was copied here from another environment.",
    REFUSED: "Somebody tried what is not allowed; nothing was changed.",
}

# Stages of a version, in the order of its life. Unity Catalog has none: they are tags.
NONE, CHALLENGER, CHAMPION, PREVIOUS, WITHDRAWN = "registered", "challenger", "champion", "previous", "archived"
STAGES = (NONE, CHALLENGER, CHAMPION, PREVIOUS, WITHDRAWN)
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)

# Where a request can go, and the stage that a version has there.
TARGETS = {"staging": CHALLENGER, "production": CHAMPION}
