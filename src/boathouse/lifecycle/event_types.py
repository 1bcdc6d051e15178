"""The event types of the ledger ``audit.promotions``: a closed list of what can happen to a model."""

from __future__ import annotations

REGISTERED, CHECKED, REQUESTED = "registered", "checked", "requested"
APPROVED, REJECTED = "approved", "rejected"
PROMOTED, KEPT, ARCHIVED = "promoted", "kept", "archived"
ROLLED_BACK, COPIED, REFUSED = "rolled_back", "copied", "refused"
STOPPED = "stopped"
DIFFERED, SYNCED = "differed", "synced"
# About the model as the registry shows it, or about an attempt: none of them makes a version known.
NO_REGISTRATION = frozenset({REFUSED, DIFFERED, SYNCED})

EVENT_TYPES = {
    REGISTERED: "A version was registered by a training run.",
    CHECKED: "The gates decided on a version; the evidence holds each with its numbers.",
    REQUESTED: "A person asked for a version to be moved to staging or production.",
    APPROVED: "A person approved a request, for the exact digest of the version.",
    REJECTED: "A person rejected a request; it is closed.",
    PROMOTED: "A version became challenger (staging) or champion (production).",
    KEPT: "A version passed the gates and was no better: the champion stayed, the version is challenger.",
    ARCHIVED: "A version was archived, by a failed gate or by hand.",
    ROLLED_BACK: "An earlier champion is champion again; the version it replaced was archived.",
    STOPPED: "The champion was archived and none took its place: nothing is scored until a person decides.",
    COPIED: "A version was copied here from another environment.",
    REFUSED: "A person tried a step that is not allowed; nothing was changed.",
    DIFFERED: "The registry was found changed past the ledger; the evidence lists each difference.",
    SYNCED: "The registry was set back to what the ledger decided; the evidence lists each change.",
}
