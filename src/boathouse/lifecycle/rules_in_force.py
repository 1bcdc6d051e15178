"""The rules that a decision was made by: digests of governance, gates and configuration, for its record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.lifecycle.gates import GateOptions
    from boathouse.lifecycle.policy import GovernanceOptions


@dataclass(frozen=True, kw_only=True)
class ConfState:
    """The configuration in use, of one environment.

    Attributes:
        source: Folder or archive that it is read from.
        digest: SHA-256 over path and content of the files of base and of the environment, secrets left out.
        changed: Files that differ from the released configuration, by their path below it; none if it is the
            released one; None if the code that runs belongs to no release.
    """

    source: str
    digest: str
    changed: Sequence[str] | None = None

    @classmethod
    def of(cls, source: str, files: Mapping[str, str], *, changed: Sequence[str] | None) -> ConfState:
        """Return the state of the configuration with ``files``, each with the digest of its content."""
        return cls(source=source, digest=digest_values(sorted(files.items())), changed=changed)

    @property
    def is_released(self) -> bool:
        """Whether it is the configuration of the commit or wheel that the code is from."""
        return self.changed is not None and not self.changed


@dataclass(frozen=True, kw_only=True)
class RulesInForce:
    """What a decision was made by.

    Attributes:
        governance: SHA-256 of the values of ``governance``.
        gates: SHA-256 of the values of ``promotion.gates``; None for a step without gates.
        gates_off: Gates that are off.
        conf: The configuration, or None where that is not known.
    """

    governance: str
    gates: str | None = None
    gates_off: Sequence[str] = ()
    conf: ConfState | None = None

    def to_evidence(self) -> dict[str, Any]:
        """Return what a record of the ledger holds."""
        conf = self.conf
        return {
            "governance": self.governance,
            "gates": self.gates,
            "gates_off": list(self.gates_off),
            "conf": None if conf is None else conf.digest,
            "conf_source": None if conf is None else conf.source,
            "conf_released": None if conf is None else conf.is_released,
        }


def describe_rules(rules: RulesInForce | None) -> dict[str, Any]:
    """Return the part of a record's evidence that is about the rules; empty where they are not known."""
    return {} if rules is None else {"rules": rules.to_evidence()}


def add_rules(events: Sequence[AuditEvent], rules: RulesInForce | None) -> list[AuditEvent]:
    """Return ``events`` with the rules in their evidence."""
    return [replace(each, evidence={**each.evidence, **describe_rules(rules)}) for each in events]


def read_rules(
    governance: GovernanceOptions, gates: GateOptions | None = None, conf: ConfState | None = None
) -> RulesInForce:
    """Return the digests of the values in force: equal values have equal digests, wherever they were given."""
    return RulesInForce(
        governance=digest_values(to_plain(governance)),
        gates=None if gates is None else digest_values(to_plain(gates)),
        gates_off=() if gates is None else gates.off,
        conf=conf,
    )


def digest_values(values: object) -> str:
    """Return the SHA-256 of plain values, the same whatever the order of their names."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def to_plain(value: Any) -> Any:  # noqa: ANN401 - any option
    """Return options as plain values: mappings, lists, texts and numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): to_plain(each) for name, each in value.items()}
    return [to_plain(each) for each in value] if isinstance(value, list | tuple) else value
