"""Anchors: where the head of each audit table is kept besides, so that records removed at its end show."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from boathouse.lifecycle.audit_options import FILE, REGISTRY
from boathouse.registry.model_tags import read_model_tags, set_model_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.tables.location import TableLocation

# More than a few lines of an anchor's file: the newest head is among them.
_TAIL_BYTES = 4096
# environment, schema, model
_NAME_PARTS = 3
_TAG = "audit_head_"


@dataclass(frozen=True)
class Head:
    """The end of a chain.

    Attributes:
        sequence: Number of records; 0 of an empty chain.
        hash: Hash of the last record; of an empty chain 64 zeros.
    """

    sequence: int
    hash: str

    def __str__(self) -> str:
        """Return the form of a tag: sequence and hash."""
        return f"{self.sequence} {self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head that ``str`` wrote.

        Raises:
            ValueError: If it is none.
        """
        sequence, hash_ = text.split()
        return cls(int(sequence), hash_)


def find_disagreements(heads: Iterable[Head], hashes: Sequence[str]) -> list[str]:
    """Return how a chain with ``hashes``, in order, contradicts ``heads`` that were kept; a longer one does not."""
    wanted = [head for head in heads if head.sequence > 0]
    beyond = [head for head in wanted if head.sequence > len(hashes)]
    other = [
        head.sequence for head in wanted if head.sequence <= len(hashes) and hashes[head.sequence - 1] != head.hash
    ]
    problems = [f"record {min(other)} is another than the one kept: rewritten"] if other else []
    if beyond:
        newest = max(head.sequence for head in beyond)
        missing = newest - len(hashes)
        problems.append(f"{missing} record(s) are missing at the end: {newest} were kept, {len(hashes)} are there")
    return problems


class Anchor(Protocol):
    """One place that keeps heads of one audit table."""

    @property
    def name(self) -> str:
        """Name in conf."""

    def newest(self) -> Head | None:
        """Return the newest head, read within a millisecond; None if there is none, or it takes longer to ask."""

    def heads(self) -> list[Head]:
        """Return every head that is kept."""

    def is_there(self) -> bool:
        """Return whether there is anything to keep a head at; a registry without the model has nothing."""

    def advance(self, chain: Sequence[str], events: Sequence[AuditEvent]) -> None:
        """Keep the last of ``chain``, the hashes of all records; ``events`` are the newest."""

    def accept(self, head: Head, *, by: str, comment: str) -> None:
        """Keep ``head`` in place of all that was kept before."""


class FileAnchor:
    """Heads as lines of a file, each added by one write; what a killed process wrote by half is passed over."""

    name = FILE

    def __init__(self, path: Path) -> None:
        """Remember the file; read nothing."""
        self._path = path

    @classmethod
    def of(cls, location: TableLocation) -> FileAnchor:
        """Return the anchor of a table: a file in the folder ``<lakehouse>_anchors`` beside the lakehouse."""
        root = Path(location.root).absolute()
        return cls(root.with_name(f"{root.name}_anchors") / f"{location.table}.jsonl")

    def newest(self) -> Head | None:
        """Return the newest head, or None if none is kept."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                lines = _read_lines(file.read())
        except FileNotFoundError:
            return None
        return max(_heads_of(lines), key=lambda each: each.sequence, default=None)

    def heads(self) -> list[Head]:
        """Return every head since the newest that was accepted."""
        return _heads_of(self._lines())

    def is_there(self) -> bool:
        """Return True: the file is made when it is needed."""
        return True

    def advance(self, chain: Sequence[str], events: Sequence[AuditEvent]) -> None:  # noqa: ARG002 - one signature
        """Add the head of ``chain``."""
        self._add(Head(len(chain), chain[-1]))

    def accept(self, head: Head, *, by: str, comment: str) -> None:
        """Add ``head`` with who accepted it and why: lines before it no longer count, and stay."""
        self._add(head, accepted_by=by, comment=comment)

    def accepted(self) -> list[Mapping[str, Any]]:
        """Return the lines that were accepted by a person."""
        return [line for line in self._lines() if "accepted_by" in line]

    def _lines(self) -> list[dict[str, Any]]:
        try:
            return _read_lines(self._path.read_bytes())
        except FileNotFoundError:
            return []

    def _add(self, head: Head, **more: str) -> None:
        line = {"sequence": head.sequence, "hash": head.hash, "at": datetime.now(UTC).isoformat(), **more}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, ("\n" * is_torn + json.dumps(line) + "\n").encode())
        finally:
            os.close(descriptor)


def _read_lines(content: bytes) -> list[dict[str, Any]]:
    """Return the lines that are whole."""
    found = []
    for text in content.splitlines():
        try:
            line = json.loads(text)
            Head(int(line["sequence"]), str(line["hash"]))
        except (ValueError, KeyError, TypeError):
            continue
        found.append(line)
    return found


def _heads_of(lines: Sequence[Mapping[str, Any]]) -> list[Head]:
    """Return the heads of ``lines`` from the newest accepted one on."""
    starts = [number for number, line in enumerate(lines) if "accepted_by" in line]
    return [Head(int(line["sequence"]), str(line["hash"])) for line in lines[starts[-1] if starts else 0 :]]


@dataclass(frozen=True)
class RegistryAnchor:
    """Heads as a tag of registered models: another store, with rights of its own.

    A process that has not opened the registry leaves the tag behind rather than open it for this alone, which takes
    seconds; the next step that does, or ``boathouse audit verify``, brings it up to date.

    Attributes:
        table: Full name of the audit table.
        models: Registered names to look at, and to bring up to date; those that an event names are tagged besides.
        uri: Address of the registry, for reading without a client; empty for the one that the process uses.
    """

    table: str
    models: tuple[str, ...] = ()
    uri: str = ""
    name: str = field(default=REGISTRY, init=False)

    @property
    def tag(self) -> str:
        """Name of the tag."""
        return _name_tag(self.table)

    def newest(self) -> Head | None:
        """Return None: asking the registry takes longer than an append may."""
        return None

    def heads(self) -> list[Head]:
        """Return the head of every model that has one; a tag that is no head counts as one that no chain has."""
        tags = [read_model_tags(model, uri=self.uri) or {} for model in self.models]
        return [head for each in tags for head in heads_in_tags(each, self.table)]

    def is_there(self) -> bool:
        """Return whether one of the models is registered."""
        return any(read_model_tags(model, uri=self.uri) is not None for model in self.models)

    def advance(self, chain: Sequence[str], events: Sequence[AuditEvent]) -> None:
        """Tag the models with the head of ``chain``; a tag that contradicts the chain stays: it is the evidence."""
        if events and "mlflow" not in sys.modules:
            return
        for model in _models_of(events) or self.models:
            tags = read_model_tags(model, uri=self.uri)
            if tags is None:
                continue
            kept = tags.get(self.tag)
            if kept is None or not find_disagreements([_parse_tag(kept)], chain):
                set_model_tag(model, self.tag, str(Head(len(chain), chain[-1])))

    def accept(self, head: Head, *, by: str, comment: str) -> None:  # noqa: ARG002 - the file keeps who and why
        """Tag the models with ``head``."""
        for model in self.models:
            if read_model_tags(model, uri=self.uri) is not None:
                set_model_tag(model, self.tag, str(head))


def heads_in_tags(tags: Mapping[str, str], table: str) -> list[Head]:
    """Return the head of the audit table ``table`` that a registered model's ``tags`` keep: one, or none."""
    kept = tags.get(_name_tag(table))
    return [_parse_tag(kept)] if kept else []


def _name_tag(table: str) -> str:
    """Return the name of the tag; Unity Catalog allows no point in it."""
    return _TAG + table.rpartition(".")[2]


def _parse_tag(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError:
        return Head(1, text)


def _models_of(events: Iterable[AuditEvent]) -> tuple[str, ...]:
    """Return the registered models that ``events`` are about: their subject, or what an endpoint is to serve."""
    names: dict[str, None] = {}
    for event in events:
        if len(event.subject.split(".")) == _NAME_PARTS:
            names[event.subject] = None
        document = event.evidence.get("config") or {}
        served = (document.get("config") or document).get("served_entities") or ()
        names |= {str(each["entity_name"]): None for each in served if each.get("entity_name")}
    return tuple(names)


def choose_anchors(
    location: TableLocation, names: Sequence[str], *, models: Sequence[str] = (), uri: str = ""
) -> tuple[Anchor, ...]:
    """Return the anchors ``names`` of the table at ``location``; what a webhook was sent is no place to write to."""
    made: dict[str, Anchor] = {
        FILE: FileAnchor.of(location),
        REGISTRY: RegistryAnchor(location.table, tuple(models), uri),
    }
    return tuple(made[name] for name in names if name in made)
