"""Which version evaluation and promotion are about, and whether it may still be decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.resolution import JUDGES, REJECTED_BY
from boathouse.lifecycle.state import ARCHIVED, CHAMPION, COMPLIANT, PREVIOUS, ModelState

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.modelling.result import LoadedModel

# Outcomes of a decision, as the next task of a deployment job reads them.
PROMOTED, WAITS, REFUSED = "promoted", "waits", "refused"


@dataclass(frozen=True)
class CandidateOptions:
    """What evaluation and promotion are about.

    Attributes:
        model: Registered name that a deployment job was started for; None is the model of the pipelines.
        version: Number of a version, given with ``--params``; None is the newest that is not decided.
    """

    model: str | None = None
    version: int | str | None = None


def choose_version(state: ModelState, known: Sequence[str]) -> str | None:
    """Return the newest version that is not decided, else the newest; None if there is none.

    Args:
        state: The model by the ledger, which may not have the newest versions yet.
        known: Versions that the registry has, oldest first.
    """
    undecided = [version for version in known if not is_decided(state, version)]
    found = undecided or known
    return found[-1] if found else None


def is_decided(state: ModelState, version: str) -> bool:
    """Return whether nothing is left to be decided on ``version``: it was refused, archived, or is or was champion.

    One that passed and waits for its approval is not decided, nor is one that the ledger does not know.
    """
    known = state.versions.get(version)
    if known is None or (known.check is None and known.stage not in {CHAMPION, PREVIOUS, ARCHIVED}):
        return False
    if known.stage in {CHAMPION, PREVIOUS, ARCHIVED} or known.check is None:
        return True
    if known.check.outcome == COMPLIANT:
        return False
    request = state.find_request(version, "production")
    closed = "" if request is None else request.closed
    rejected = closed.startswith(REJECTED_BY) and closed.removeprefix(REJECTED_BY) not in JUDGES
    return rejected or not known.check.passed


def name_outcome(state: ModelState, version: str) -> str:
    """Return what was decided on ``version``: ``promoted``, ``waits`` (passed, for a person to act) or ``refused``."""
    known = state.versions.get(version)
    if known is not None and known.stage == CHAMPION:
        return PROMOTED
    is_open = known is not None and known.check is not None and known.check.passed and not is_decided(state, version)
    return WAITS if is_open else REFUSED


def require_undecided(
    candidate: LoadedModel, options: CandidateOptions, records: Sequence[AuditRecord], *, evaluation: str = ""
) -> LoadedModel:
    """Return ``candidate`` if it is what was asked for and may be decided on.

    A version that was not named is not refused: the decision on one that is decided stands, whatever is found.

    Args:
        candidate: The version at hand.
        options: What was asked for.
        records: The ledger.
        evaluation: Hash of the evaluation to decide from; the decision that was made from it may be made again.

    Raises:
        LifeCycleError: If it is another model or version, or was decided already.
    """
    if options.model and options.model not in {candidate.name, candidate.name.rpartition(".")[2]}:
        raise LifeCycleError.other_model(options.model, candidate.name)
    if options.version is None:
        return candidate
    version = str(options.version)
    if version != candidate.version:
        raise LifeCycleError(
            f"Expected version {version} (candidate.version), found {candidate.version}. Give it for the run: "
            f"--params candidate.version={version}; in a file it has no effect."
        )
    state = project_events(records, name=candidate.name)
    if is_decided(state, version) and (not evaluation or evaluation != _find_evaluation(records, candidate)):
        known = state.versions[version]
        raise LifeCycleError.decided(candidate.name, version, known.stage, known.reason or _read_reason(state, version))
    return candidate


def _find_evaluation(records: Sequence[AuditRecord], candidate: LoadedModel) -> str:
    """Return the hash of the evaluation that the newest decision on a version was made from; empty if unknown."""
    subject = (event_types.CHECKED, candidate.name, candidate.version)
    found = [each for each in records if (each.kind, each.subject, each.version) == subject]
    return str(found[-1].read_evidence().get("evaluation") or "") if found else ""


def _read_reason(state: ModelState, version: str) -> str:
    check = state.versions[version].check
    return check.reason if check is not None else ""
