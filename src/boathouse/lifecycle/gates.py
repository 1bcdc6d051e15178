"""The closed list of gates: each holds one number against one limit, and refuses unless it shows enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from boathouse.errors import OptionError
from boathouse.lifecycle.evidence import GateEvidence
from boathouse.lifecycle.gate_rules import BOUNDS, GateLimits, GateRule
from boathouse.lifecycle.performance_gates import PERFORMANCE_GATES
from boathouse.lifecycle.version_gates import GOVERNANCE_GATES, MODEL_GATES
from boathouse.modelling.task import BINARY, TASKS, Task
from boathouse.options import require_choice

MODES = ("off", "warn", "enforce")
# Every gate there is; those on performance apply to the tasks that name them.
GATES: dict[str, GateRule] = {rule.name: rule for rule in (*MODEL_GATES, *PERFORMANCE_GATES, *GOVERNANCE_GATES)}
FAIRNESS = ("demographic_parity", "equalized_odds")
_ALWAYS = frozenset(rule.name for rule in (*MODEL_GATES, *GOVERNANCE_GATES))
TIMED = frozenset(name for name, rule in GATES.items() if rule.timed)


@dataclass(frozen=True, kw_only=True)
class GateOptions(GateLimits):
    """Which gates count, and their limits.

    Attributes:
        modes: For every gate ``off`` (or false, as YAML reads a bare off), ``warn`` (recorded, does not refuse)
            or ``enforce``.
    """

    modes: Mapping[str, str | bool]

    def __post_init__(self) -> None:
        """Check that every gate of one task has a mode, no other has, and limits are in range."""
        wanted = [gates_of(task) for task in TASKS.values()]
        if not any(set(self.modes) == set(gates) for gates in wanted):
            raise OptionError.unknown_choice("modes", sorted(self.modes), wanted[0])
        for name, mode in self.modes.items():
            require_choice(f"modes.{name}", "off" if mode is False else str(mode), MODES)
        super().__post_init__()
        if not self.protected and any(str(self.modes[name]) not in {"off", "False"} for name in FAIRNESS):
            raise OptionError.out_of_range("protected", self.protected, f"at least one name, or {FAIRNESS} off")

    @property
    def off(self) -> tuple[str, ...]:
        """Names of the gates that are off, in the order of the list."""
        return tuple(name for name in GATES if self.modes.get(name, "on") in {False, "off"})


@dataclass(frozen=True)
class Gate:
    """One gate after judging.

    Attributes:
        name: Name in the closed list.
        mode: ``off``, ``warn`` or ``enforce``.
        passed: Whether the number shows enough; an undefined number does not.
        value: The number judged; None where undefined.
        limit: What it was held against.
        message: One sentence with both, and what stands behind the number.
    """

    name: str
    mode: str
    passed: bool
    value: float | None
    limit: float
    message: str

    @property
    def refuses(self) -> bool:
        """Whether this gate stands in the way."""
        return self.mode == "enforce" and not self.passed


def gates_of(task: Task) -> dict[str, GateRule]:
    """Return the gates that apply to ``task`` by name, in the order of the list."""
    return {name: rule for name, rule in GATES.items() if name in _ALWAYS or name in task.gates}


def judge_gates(evidence: GateEvidence, options: GateOptions, *, task: Task = BINARY) -> list[Gate]:
    """Return every gate of ``task`` that is not off, judged, in the order of the list.

    Raises:
        OptionError: If a gate of the task has no mode.
    """
    rules = gates_of(task)
    if set(rules) != set(options.modes):
        raise OptionError.unknown_choice("modes", sorted(options.modes), rules)
    return [
        judge_gate(rule, str(options.modes[name]), evidence, options)
        for name, rule in rules.items()
        if options.modes[name] not in {False, "off"}
    ]


def judge_gate(rule: GateRule, mode: str, evidence: GateEvidence, limits: GateLimits) -> Gate:
    """Return one gate, judged."""
    found = rule.read(evidence, limits)
    known = not math.isnan(found.value)
    shown = f"{found.value:.{found.digits}f}" if known else "undefined"
    message = f"{rule.name} is {shown}, needed {rule.bound} {found.limit:.{found.digits}f}"
    return Gate(
        name=rule.name,
        mode=mode,
        passed=known and BOUNDS[rule.bound](found.value, found.limit),
        value=found.value if known else None,
        limit=found.limit,
        message=f"{message}: {found.detail}." if found.detail else f"{message}.",
    )
