"""Everything that is wrong with a bundle, found without a workspace.

The typed models find fields, required fields, types and allowed values; the rules find what the models and the
platform's own validation let pass, or say only when it is too late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from boathouse.bundle.commands import CommandLine, find_wheel_problems
from boathouse.bundle.documents import Bundle
from boathouse.bundle.jobs import find_job_problems, find_pause_problems
from boathouse.bundle.models import find_model_problems
from boathouse.bundle.problems import Problem, TargetView, describe, find_undefined, join_targets, open_view
from boathouse.bundle.rights import find_right_problems
from boathouse.bundle.serving import find_serving_problems
from boathouse.bundle.structure import find_document_problems, find_target_problems
from boathouse.bundle.values import find_value_problems
from boathouse.errors import BundleError


def find_problems(
    bundle: Bundle,
    *,
    targets: Collection[str] = (),
    variables: Mapping[str, str] | None = None,
    commands: CommandLine | None = None,
) -> list[Problem]:
    """Return everything that is wrong, each problem once with the targets that have it.

    Args:
        bundle: The bundle.
        targets: Targets to look at; all if empty.
        variables: Values as they would be given with the deployment. A required variable that is not among them gets
            a placeholder: whether it is given is checked by the deployment.
        commands: What wheel tasks may type; without it their words are not judged.

    Raises:
        BundleError: If a target is unknown, or the typed models are not installed.
    """
    chosen = tuple(targets) or tuple(bundle.targets)
    found = list(find_document_problems(bundle))
    problems = [each for name in chosen for each in _find_in_target(bundle, name, variables or {}, commands)]
    return [*found, *join_targets(iter(problems), chosen)]


def _find_in_target(
    bundle: Bundle, target: str, variables: Mapping[str, str], commands: CommandLine | None
) -> Iterator[Problem]:
    """Give the problems of one target; what refers to nothing is named first, and alone: the rest depends on it."""
    undefined = list(find_undefined(bundle, target))
    if undefined:
        yield from undefined
        return
    try:
        view = open_view(bundle, target, variables)
    except BundleError as error:
        yield describe(
            bundle, ("targets", target), str(error), "a target that can be resolved", "See above.", target=target
        )
        return
    yield from find_target_problems(view)
    refused = list(find_model_problems(view))
    yield from refused
    try:
        yield from _apply_rules(view, commands)
    except (AttributeError, KeyError, TypeError):
        # What the models refuse may have another shape than the rules look for; it has to be corrected first.
        if not refused:
            raise


def _apply_rules(view: TargetView, commands: CommandLine | None) -> Iterator[Problem]:
    yield from find_job_problems(view)
    yield from find_pause_problems(view)
    yield from find_right_problems(view)
    yield from find_serving_problems(view)
    yield from find_value_problems(view)
    yield from find_wheel_problems(view, commands)
