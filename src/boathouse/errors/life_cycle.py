"""Errors of the life of models: a step that is not allowed, each with what is and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from boathouse.errors.base import BoathouseError
from boathouse.errors.models import PromotionError


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


class LifeCycleError(PromotionError):
    """A step in the life of a model that its rules do not allow; it is recorded as ``refused``."""

    @classmethod
    def unknown_model(cls, name: str, known: Iterable[str]) -> LifeCycleError:
        """Name the model and those there are."""
        return cls(f"There is no model '{name}'. Known: {', '.join(sorted(known)) or 'none'}.")

    @classmethod
    def unknown_version(cls, name: str, version: str, known: Iterable[str]) -> LifeCycleError:
        """Name the version and those there are."""
        return cls(f"{name} has no version {version}. There are: {', '.join(known) or 'none'}.")

    @classmethod
    def not_allowed(cls, actor: str, action: str, allowed: Iterable[str]) -> LifeCycleError:
        """Name the person, what was tried and who may."""
        names = ", ".join(sorted(allowed)) or "nobody"
        return cls(
            f"{actor} may not {action} models here; allowed: {names}. Ask one of them, "
            f"or have governance.roles.{action} changed in conf."
        )

    @classmethod
    def foreign_environment(cls, name: str, environment: str) -> LifeCycleError:
        """Name the model and the environment that tried to change it."""
        return cls(
            f"'{name}' belongs to environment '{name.split('.', maxsplit=1)[0]}', not to '{environment}', which "
            "changes its own models only. Use --env, or copy a version: boathouse models copy NAME VERSION --to ENV."
        )

    @classmethod
    def already_there(cls, version: str, stage: str) -> LifeCycleError:
        """Name the version and where it is already."""
        return cls(f"Version {version} is {stage} already; nothing to ask for.")

    @classmethod
    def withdrawn(cls, version: str, reason: str) -> LifeCycleError:
        """Name the version and why it was withdrawn."""
        return cls(
            f"Version {version} is archived ({reason or 'no reason recorded'}). Train a new version; "
            f"a former champion comes back by: boathouse models rollback NAME --to {version}."
        )

    @classmethod
    def not_checked(cls, name: str, version: str) -> LifeCycleError:
        """Name the version and the command that has the gates decide."""
        return cls(
            f"The gates have not decided on {name} version {version}. Have them: kedro run "
            f"--pipelines evaluation,promotion --env {name.split('.', maxsplit=1)[0]}, which judges the newest version."
        )

    @classmethod
    def not_passed(cls, version: str, outcome: str, reason: str) -> LifeCycleError:
        """Name the version, the gates' decision and its reason."""
        return cls(f"The gates decided '{outcome}' on version {version}: {reason} It cannot become champion.")

    @classmethod
    def other_champion(cls, version: str, judged: str | None, now: str | None) -> LifeCycleError:
        """Name the champion that the version was held against and the one there is."""
        return cls(
            f"Version {version} was held against {f'champion {judged}' if judged else 'no champion'}, but "
            f"{f'{now} is champion' if now else 'there is none'} now: another change came first. "
            "Evaluate it again against that one."
        )

    @classmethod
    def changed_digest(cls, version: str, recorded: str | None, found: str | None) -> LifeCycleError:
        """Give both digests, shortened."""
        return cls(
            f"The files of version {version} are not those on record: digest {_short(found)}, "
            f"recorded {_short(recorded)}. What was checked and approved is not what is there. Train "
            "and register it again."
        )

    @classmethod
    def approvals_missing(cls, version: str, found: int, needed: int, details: str) -> LifeCycleError:
        """Give the number of valid approvals, those needed, and why others do not count."""
        return cls(
            f"Version {version} has {found} valid approval(s), needs {needed}.{details} "
            f"Ask for one: boathouse models request {version} --to production --comment …"
        )

    @classmethod
    def open_request(cls, version: str, to: str, by: str, at: datetime) -> LifeCycleError:
        """Name the request that is open already."""
        return cls(f"Version {version} is requested for {to} already, by {by} at {_day(at)}. It waits for approval.")

    @classmethod
    def no_request(cls, version: str, closed: str) -> LifeCycleError:
        """Name the version and how its last request ended."""
        ended = f" The last one is closed: {closed}." if closed else ""
        return cls(
            f"There is no open request for version {version}.{ended} "
            f"Make one: boathouse models request {version} --to staging|production --comment …"
        )

    @classmethod
    def own_model(cls, actor: str, version: str, why: str) -> LifeCycleError:
        """Name the person, the version and what makes it their own."""
        return cls(f"{actor} {why} version {version}; here somebody else has to approve it.")

    @classmethod
    def approved_before(cls, actor: str, version: str, at: datetime) -> LifeCycleError:
        """Name the person and when they approved."""
        return cls(f"{actor} approved version {version} already, at {_day(at)}; it counts once.")

    @classmethod
    def champion_stays(cls, version: str) -> LifeCycleError:
        """Name the champion that somebody tried to archive."""
        return cls(
            f"Version {version} is champion and cannot be archived. "
            "Roll back or promote another version first; then archive this one."
        )

    @classmethod
    def archived_before(cls, version: str, at: datetime) -> LifeCycleError:
        """Name the version and when it was archived."""
        return cls(f"Version {version} is archived already, since {_day(at)}.")

    @classmethod
    def no_champion(cls, name: str) -> LifeCycleError:
        """Name the model that has no champion."""
        return cls(f"{name} has no champion, so there is nothing to roll back.")

    @classmethod
    def no_previous(cls, name: str, champion: str, former: Iterable[str]) -> LifeCycleError:
        """Name the champion and those that were in charge before."""
        names = ", ".join(former)
        ways = f"Versions in charge before: {names}; go to one with --to." if names else "No other was ever in charge."
        return cls(f"{name} has no previous version beside champion {champion}. {ways}")

    @classmethod
    def never_champion(cls, version: str, former: Iterable[str]) -> LifeCycleError:
        """Name the version and those that rollback can go to."""
        return cls(
            f"Version {version} was never champion, so rollback cannot go there; "
            f"it can to: {', '.join(former) or 'none'}. To put a new version in charge, promote it."
        )

    @classmethod
    def moved_since(cls, expected: str, found: str | None) -> LifeCycleError:
        """Name the champion expected and the one found."""
        return cls(f"Champion {expected} was to be replaced, but {found or 'none'} is champion now: look again first.")

    @classmethod
    def not_tagged(cls, version: str, tag: str, value: str) -> LifeCycleError:
        """Name the tag that approves and the value found."""
        return cls(
            f"Version {version} is not approved: its tag '{tag}' is {value or 'not set'!r}, needed 'Approved'. Set it "
            f"on the version's page, or: boathouse models approve NAME {version} --reason …"
        )


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"


class IdentityError(BoathouseError):
    """Nobody can tell who is at work."""

    @classmethod
    def platform_silent(cls, reason: str) -> IdentityError:
        """Give the kind of error with which the platform answered."""
        return cls(
            f"The platform did not say who this is ({reason}). Nothing was changed: a step without a name is "
            "not recorded. Check that the job's identity may call the workspace, then run again."
        )
