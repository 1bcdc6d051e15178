"""The event types of the ledger ``audit.promotions``: a closed list of what can happen to a model."""

from __future__ import annotations

CREATED, REGISTERED, REQUESTED = "created", "registered", "requested"
CHECKED, COMPARED = "checked", "compared"
APPROVED, REJECTED = "approved", "rejected"
PROMOTED, KEPT, ARCHIVED = "promoted", "kept", "archived"
ROLLED_BACK, COPIED, COMMENTED, REFUSED = "rolled_back", "copied", "commented", "refused"
STOPPED = "stopped"
DIFFERED, SYNCED = "differed", "synced"
# About the model as the registry shows it, or about an attempt: none of them makes a version known.
NO_REGISTRATION = frozenset({REFUSED, DIFFERED, SYNCED})

EVENT_TYPES = {
    CREATED: "A model has its first version here.",
    REGISTERED: "A version was registered by a training run.",
    REQUESTED: "A run or a person asked for a version to be moved to staging or production.",
    CHECKED: "The compliance check passed or failed a version; the evidence holds each gate with its numbers.",
    COMPARED: "A version passed or failed the comparison with the champion, or with the baseline where there is none.",
    APPROVED: "A person approved a request, for the exact digest of the version.",
    REJECTED: "A person, the compliance check or the comparison rejected a request; it is closed.",
    PROMOTED: "A version became challenger (staging) or champion (production).",
    KEPT: "Written before there was ``compared``: the version was no better, the champion stayed.",
    ARCHIVED: "A version was archived: by the compliance check, by its successor as challenger, or by hand.",
    ROLLED_BACK: "An earlier champion is champion again; the version it replaced was archived.",
    STOPPED: "The champion was archived and none took its place: nothing is scored until a person decides.",
    COPIED: "A version was copied here from another environment.",
    COMMENTED: "A person wrote a comment on a version; nothing else was changed.",
    REFUSED: "A person tried a step that is not allowed; nothing was changed.",
    DIFFERED: "The registry was found changed past the ledger; the evidence lists each difference.",
    SYNCED: "The registry was set back to what the ledger decided; the evidence lists each change.",
}
