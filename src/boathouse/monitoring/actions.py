"""What can be done about drift: each action with when it is right, the command, and why. One alert leads to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

ActionName = Literal[
    "source_fix",
    "quarantine_and_replay",
    "recalibrate",
    "retrain",
    "retrain_with_new_features",
    "roll_back",
    "change_threshold",
    "nothing",
]


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing to do.

    Attributes:
        name: Name in rules of conf.
        title: Name for people.
        when: What has to be found for it to be right.
        command: What is typed for it; ``{env}`` stands for the environment.
        why: Why it helps there, and what it costs.
    """

    name: ActionName
    title: str
    when: str
    command: str
    why: str


# In the order in which they are tried: what is cheaper and can be undone comes first.
_TABLE = (
    Action(
        name="nothing",
        title="Change nothing",
        when="A distribution moved, and performance and value did not.",
        command="boathouse alerts ack ID --comment WHY --env {env}",
        why="A change of the inputs alone is a symptom; a new model costs a review and can be worse.",
    ),
    Action(
        name="source_fix",
        title="Fix the source",
        when="Nulls, infinite values or a column that is missing: the data are wrong, not the world.",
        command="kedro run --pipeline data_prep --env {env}",
        why="A model that is trained on wrong data learns the fault. Read docs/runbooks/data_quality.md first.",
    ),
    Action(
        name="quarantine_and_replay",
        title="Quarantine the rows and score again",
        when="Some rows of a delivery are wrong, and predictions were made from them.",
        command="kedro run --pipelines data_prep,feature_engineering,batch_inference --env {env}",
        why="The rules of the contract keep the rows out; the predictions are made again from the others.",
    ),
    Action(
        name="change_threshold",
        title="Change the threshold",
        when="The ranking holds and the probabilities are right, but the decisions are too many, too few or unfair.",
        command="kedro run --pipelines training,evaluation,promotion --env {env}",
        why="The threshold follows from the costs in conf; the probabilities stay as they are.",
    ),
    Action(
        name="recalibrate",
        title="Recalibrate",
        when="The ranking holds, and the mean probability differs from the rate observed.",
        command="kedro run --pipelines training,evaluation,promotion --env {env}",
        why="An intercept, then a slope, needs few labels and is steadier than a refit: it comes before one.",
    ),
    Action(
        name="retrain",
        title="Retrain on a newer window",
        when="The ranking fell, the labels of the newer window are known, and its data are in order.",
        command="boathouse retrain --env {env}",
        why="The relation of features and label changed. The new version passes every gate or is not used.",
    ),
    Action(
        name="retrain_with_new_features",
        title="Retrain with new features",
        when="A model that was trained on the newer window ranks no better: the features miss what changed.",
        command="boathouse features list",
        why="No refit finds what the features do not hold. A person designs them; nothing starts by itself.",
    ),
    Action(
        name="roll_back",
        title="Roll back to the previous version or the baseline",
        when="A version that has just become champion is worse than promotion promised.",
        command="boathouse models rollback --comment WHY --env {env}",
        why="The version before is known to work; the reason can be looked for afterwards.",
    ),
)
ACTIONS: dict[str, Action] = {action.name: action for action in _TABLE}
# What a machine may start by itself.
STARTS_RETRAINING = ("retrain",)

if set(ACTIONS) != set(get_args(ActionName)):  # pragma: no cover - a fault of this module
    raise AssertionError


def describe_action(name: str, environment: str, alert_id: str = "ID") -> str:
    """Return the action as one sentence with its command for ``environment``."""
    action = ACTIONS[name]
    words = (word.replace("{env}", environment) for word in action.command.split())
    return f"{action.title}: {' '.join(alert_id if word == 'ID' else word for word in words)}"


def render_actions() -> str:
    """Return the table as Markdown, as docs/alerts.md has it."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| action | when | command | why |"
    yield "|---|---|---|---|"
    for each in ACTIONS.values():
        command = each.command.replace("{env}", "prod")
        yield f"| `{each.name}`: {each.title.lower()} | {each.when} | `{command}` | {each.why} |"
