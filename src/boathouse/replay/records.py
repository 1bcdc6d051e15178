"""What a replay has done so far: one file, written whole after each step, from which it goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from boathouse.atomic_files import folder_lock, write_file
from boathouse.errors import ReplayError
from boathouse.replay.deliveries import EXTRACTS

if TYPE_CHECKING:
    from pathlib import Path

# Name of the file in the data folder of a replay; a folder with other content and without it is never written into.
RECORD = "replay.json"
_FORM = 1


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a replay was asked for; another one does not go on with it.

    Attributes:
        kind: ``months`` or ``policies``.
        policy: Name of the policy of retraining; ``all`` where all are compared.
        first: First month, YYYY-MM.
        last: Last month, inclusive.
        environment: Environment whose rules hold.
        book: Digest of the extracts.
        params: Parameters beside those of conf, as JSON.
    """

    kind: str
    policy: str
    first: str
    last: str
    environment: str
    book: str
    params: str = "{}"


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What the decisions on one cohort cost, and what others would have cost, in currency units of all its rows.

    Attributes:
        cohort: Day of the cohort, ISO.
        version: Version that decided.
        rows: Rows whose label is known.
        model: Cost of the decisions of the version.
        rule: Cost of those of the business rule that was trained with it; None where there is none.
        nothing: Cost of acting on no row.
        figure: The task's decisive metric of the version on these rows.
    """

    cohort: str
    version: str
    rows: int
    model: float
    rule: float | None
    nothing: float
    figure: float


@dataclass(frozen=True)
class Raised:
    """One alert of a month, as the table of alerts has it, with the name of its action."""

    kind: str
    severity: str
    subject: str
    action: str = "nothing"


@dataclass(frozen=True, kw_only=True)
class MonthRecord:
    """One month.

    Attributes:
        month: YYYY-MM.
        steps: What is done, in order; see :data:`STEPS`.
        delivered: Rows delivered, by source.
        scored_by: Version that scored the month's cohort; empty where no champion could, or there is none to score.
        cohort: Day of the cohort scored, ISO; empty for none.
        rule: Version of the business rule at that time; empty for none.
        scored: Rows scored.
        earned: What the decisions cost whose labels became known in this month, by cohort.
        alerts: Alerts of the month, alarms first.
        action: ``retrain``, ``start``, ``nothing`` or ``wait``.
        reason: Why, in a sentence.
        before: Records that the ledger of the model had before the action; None until it begins.
        candidate: Version that the action made; empty for none.
        outcome: What became of it, as the ledger has it; empty without one.
        champion: Version that is champion at the end of the month; empty for none.
    """

    month: str
    steps: tuple[str, ...] = ()
    delivered: Mapping[str, int] = field(default_factory=dict)
    scored_by: str = ""
    cohort: str = ""
    rule: str = ""
    scored: int = 0
    earned: tuple[Earned, ...] = ()
    alerts: tuple[Raised, ...] = ()
    action: str = ""
    reason: str = ""
    before: int | None = None
    candidate: str = ""
    outcome: str = ""
    champion: str = ""

    @property
    def is_done(self) -> bool:
        """Whether every step is done."""
        return self.steps == STEPS

    def after(self, step: str, **changes: Any) -> MonthRecord:  # noqa: ANN401 - fields of this class
        """Return the record with ``step`` done, and what it brought."""
        return replace(self, steps=(*self.steps, step), **changes)


# In this order: a month scores with the champion that it begins with, and what is promoted in it acts from the next.
STEPS = ("prepared", "watched", "acted")


@dataclass(frozen=True)
class Progress:
    """A replay as far as it has come; months in order."""

    asked: Asked
    months: tuple[MonthRecord, ...] = ()

    def find(self, month: str) -> MonthRecord:
        """Return the record of ``month``, a new one where it has not begun."""
        return next((each for each in self.months if each.month == month), MonthRecord(month=month))

    def with_month(self, record: MonthRecord) -> Progress:
        """Return the progress with ``record`` in the place of its month."""
        others = [each for each in self.months if each.month != record.month]
        return replace(self, months=tuple(sorted([*others, record], key=lambda each: each.month)))

    def digest(self) -> str:
        """Return the SHA-256 of what was asked and of every result; the same inputs have the same one."""
        plain = [asdict(each) | {"steps": None, "before": None, "rule": None} for each in self.months]
        return hashlib.sha256(json.dumps([asdict(self.asked), plain], sort_keys=True).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it to the folder's file, which is at any time as before or after."""
        content = {"form": _FORM, "asked": asdict(self.asked), "months": [asdict(each) for each in self.months]}
        write_file(folder / RECORD, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def open_progress(folder: Path, asked: Asked) -> Progress:
    """Return what was done in ``folder`` of what is ``asked``; nothing where the folder is new or empty.

    Raises:
        ReplayError: If the folder holds something else, or another replay.
    """
    path = folder / RECORD
    if not path.is_file():
        content = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
        if content or folder.is_file():
            raise ReplayError.foreign_folder(folder.as_posix(), ", ".join(content[:5]) or "a file")
        return Progress(asked)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = Asked(**content["asked"])
        months = tuple(_read_month(each) for each in content["months"])
    except (ValueError, KeyError, TypeError) as error:
        raise ReplayError(
            f"{path.as_posix()} cannot be read as the record of a replay ({type(error).__name__}). Name another "
            "folder, or remove this one and begin again."
        ) from error
    differences = [
        f"{each.name} is {getattr(found, each.name)!r} there and {getattr(asked, each.name)!r} here"
        for each in fields(Asked)
        if getattr(found, each.name) != getattr(asked, each.name)
    ]
    if differences:
        raise ReplayError.other_replay(folder.as_posix(), "; ".join(differences))
    return Progress(found, months)


@contextmanager
def claim_folder(folder: Path, asked: Asked) -> Iterator[Progress]:
    """Give what was done in ``folder`` of what is ``asked``, and keep other processes from going on with it as well.

    Raises:
        ReplayError: As :func:`open_progress`.
        BoathouseError: If another process plays there.
    """
    found = open_progress(folder, asked)
    if not (folder / RECORD).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        found.write(folder)
    # Others lock the data folder itself, such as the store of models.
    with folder_lock(folder / EXTRACTS, purpose="replay", patience_seconds=0):
        yield open_progress(folder, asked)


def _read_month(content: dict[str, Any]) -> MonthRecord:
    earned = tuple(Earned(**each) for each in content.pop("earned"))
    alerts = tuple(Raised(**each) for each in content.pop("alerts"))
    steps = tuple(content.pop("steps"))
    return MonthRecord(**content, steps=steps, alerts=alerts, earned=earned)
