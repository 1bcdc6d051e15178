"""Errors of the life cycle of models: steps that are not allowed, identity, deployment, reproduction."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError
from boathouse.errors.models import PromotionError
from boathouse.namespaces import find_namespace, name_environment, namespace_of, shorten


class LifeCycleError(PromotionError):
    """A step that the rules of the life cycle do not allow; it is recorded as ``refused``."""

    @classmethod
    def unknown_model(cls, name: str, known: Iterable[str]) -> LifeCycleError:
        """Name the model and those there are."""
        return cls(f"There is no model '{name}'. Known: {', '.join(sorted(known)) or 'none'}.")

    @classmethod
    def unknown_version(cls, name: str, version: str, known: Iterable[str]) -> LifeCycleError:
        """Name the version and those there are."""
        return cls(f"{name} has no version {version}. There are: {', '.join(known) or 'none'}.")

    @classmethod
    def foreign_environment(cls, name: str, environment: str) -> LifeCycleError:
        """Name the model and the environment that tried to change it."""
        owner, own = name_environment(name), namespace_of(environment)
        found = (
            f"belongs to environment '{owner}', not to '{environment}'"
            if owner != environment
            else f"is none of environment '{environment}', whose names begin with {own.full_name('')}"
        )
        return cls(
            f"'{name}' {found}, which changes its own models only. Use --env (--catalog, --schema-prefix), or copy a "
            "version: boathouse models copy NAME VERSION --to ENV."
        )

    @classmethod
    def other_model(cls, name: str, own: str) -> LifeCycleError:
        """Name the model that was asked for and the one that is judged."""
        return cls(
            f"Expected the model {own}, which is judged here, found {name} (candidate.model). Nothing was judged. "
            f"Start the deployment job of {own} for versions of it alone."
        )

    @classmethod
    def decided(cls, name: str, version: str, stage: str, reason: str) -> LifeCycleError:
        """Name the version that was decided on already, what became of it and why."""
        env = name_environment(name)
        return cls(
            f"{name} version {version} is decided already: it is {stage} ({reason or 'no reason recorded'}). Nothing "
            f"was judged. See how: boathouse models show {name} {version} --env {env}. Train a new version, or go back "
            f"to a former champion: boathouse models rollback {name} --to VERSION --env {env}"
        )

    @classmethod
    def already_there(cls, version: str, stage: str) -> LifeCycleError:
        """Name the version and where it is already."""
        return cls(f"Version {version} is {stage} already; nothing to ask for.")

    @classmethod
    def archived(cls, version: str, reason: str) -> LifeCycleError:
        """Name the version and why it was archived."""
        return cls(
            f"Version {version} is archived ({reason or 'no reason recorded'}). Train a new version; "
            f"a former champion comes back by: boathouse models rollback NAME --to {version}."
        )

    @classmethod
    def not_checked(cls, name: str, version: str) -> LifeCycleError:
        """Name the version and the command that has the gates decide."""
        return cls(
            f"The gates have not decided on {name} version {version}. Have them: kedro run "
            f"--pipelines evaluation,promotion --env {name_environment(name)}, which judges the newest version."
        )

    @classmethod
    def not_compliant(cls, version: str, reason: str) -> LifeCycleError:
        """Name the version that failed the compliance check, and why."""
        return cls(
            f"Version {version} failed the compliance check: {reason} It can become neither challenger nor champion. "
            "Train a version that passes."
        )

    @classmethod
    def not_better(cls, version: str, champion: str | None, reason: str) -> LifeCycleError:
        """Name the version that failed the comparison, with what, and why."""
        other = f"champion {champion}" if champion else "the baseline"
        return cls(
            f"Version {version} failed the comparison with {other}: {reason} It stays challenger and cannot become "
            "champion. Train a version that is better."
        )

    @classmethod
    def other_champion(cls, version: str, judged: str | None, now: str | None) -> LifeCycleError:
        """Name the champion that the version was held against and the one there is."""
        return cls(
            f"Version {version} was held against {f'champion {judged}' if judged else 'no champion'}, but "
            f"{f'{now} is champion' if now else 'there is none'} now: another change came first. "
            "Evaluate it again against that one."
        )


class AuditError(BoathouseError):
    """An audit table is not what was recorded: a record was changed, removed or moved."""

    @classmethod
    def broken(cls, table: str, sequence: int, problem: str) -> AuditError:
        """Name the table, the first place where its chain does not hold, and what is wrong there."""
        return cls(
            f"The chain of {table} does not hold from record {sequence} on: {problem}. Nothing was decided from it. "
            f"See the whole of it: boathouse audit verify --env {name_environment(table)}"
        )

    @classmethod
    def cut(cls, table: str, anchor: str, problem: str) -> AuditError:
        """Name the table, the anchor that knows more, and how they differ."""
        env = f"--env {name_environment(table)}"
        return cls(
            f"{table} is not what its anchor '{anchor}' kept: {problem}. Nothing was added. Find out who changed the "
            f"table, and restore it; see: boathouse audit verify {env}. If it was cut on purpose: boathouse audit "
            f"accept {shorten(table)} --comment WHY {env}"
        )

    @classmethod
    def no_evaluation(cls, name: str, version: str) -> AuditError:
        """Name the version that has no sealed evaluation, and the command that makes one."""
        env, table = name_environment(name), find_namespace(name).full_name("audit.evidence")
        return cls(
            f"No evaluation of '{name}' version {version} is on record in {table}, which decisions are "
            f"made from. Nothing was decided. Make one: kedro run --pipelines evaluation,promotion --env {env}"
        )


class DeploymentError(BoathouseError):
    """The environment's deployment pattern does not allow this."""


class IdentityError(BoathouseError):
    """The platform does not say who acts."""


class ReleaseError(BoathouseError):
    """Code or configuration is not released, and the environment asks for it."""


class ReproductionError(BoathouseError):
    """A version cannot be trained again from what is on record."""
