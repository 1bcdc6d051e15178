"""Errors of models: missing, unfit, not to be trusted, not to be promoted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from boathouse.errors.base import BoathouseError
from boathouse.namespaces import name_environment


class ModelError(BoathouseError):
    """A model cannot be trained, saved, loaded or used."""

    @classmethod
    def wrong_shape(cls, shape: Iterable[int], features: int) -> ModelError:
        """Give the shape found and the number of columns expected."""
        return cls(f"The model takes a matrix of rows x {features} features, found shape {tuple(shape)}.")

    @classmethod
    def missing_features(cls, missing: Iterable[str], found: Iterable[str]) -> ModelError:
        """Name the features that the input lacks."""
        return cls(f"The model's input lacks {', '.join(missing)}; it has {', '.join(sorted(found))}.")

    @classmethod
    def too_few_cohorts(cls, found: Iterable[object], needed: int, as_of: object) -> ModelError:
        """Name the labelled cohorts and how many a split by time needs."""
        days = ", ".join(str(each) for each in found) or "none"
        return cls(
            f"Training needs at least {needed} cohorts with labels known by {as_of}; found {days}. "
            "Choose a later as_of, or fewer validation and test cohorts."
        )

    @classmethod
    def empty_split(cls, empty: Iterable[str], found: Iterable[object], as_of: object) -> ModelError:
        """Name the parts of a split by dates without a cohort, and the cohorts there are."""
        days = ", ".join(str(each) for each in found) or "none"
        return cls(
            f"No cohort with labels known by {as_of} is left for {', '.join(empty)}; cohorts: {days}. "
            "Choose other dates (training.split.validation_from, test_from), or another as_of."
        )

    @classmethod
    def single_class(cls, split: str, label: str) -> ModelError:
        """Name the part of the data in which the label does not vary."""
        return cls(
            f"All rows of the split '{split}' have the same '{label}', so nothing can be learnt or measured. "
            "Check the label's source, or choose another as_of."
        )

    @classmethod
    def future_features(cls, rows: Mapping[str, int], time: str) -> ModelError:
        """Name the views whose rows are dated after the rows they were joined to."""
        found = ", ".join(f"{view} in {count:,} row(s)" for view, count in sorted(rows.items()))
        return cls(
            f"Features dated after {time} were joined: {found}. Join with join_point_in_time, which takes what was "
            "known at the row's time."
        )

    @classmethod
    def future_labels(cls, rows: int, known: str, as_of: date) -> ModelError:
        """Give the number of labels that were not known yet."""
        return cls(
            f"{rows:,} row(s) have a label whose {known} is after {as_of.isoformat()} or missing. "
            "Leave out labels that were not known then."
        )

    @classmethod
    def leaking_feature(cls, scores: Mapping[str, float], limit: float) -> ModelError:
        """Name the features that alone separate the classes."""
        found = ", ".join(f"{name} ({score:.3f})" for name, score in sorted(scores.items()))
        return cls(
            f"Alone, these features reach a ROC AUC above {limit}: {found}. They probably hold the label. "
            "Remove them (training.features.excluded) or, if they are legitimate, raise training.leakage."
        )

    @classmethod
    def unknown_baseline(cls, feature: str, features: Iterable[str]) -> ModelError:
        """Name the feature that the baseline asks for and those that a model may use."""
        return cls(
            f"The baseline's feature '{feature}' (training.baseline.feature) is not among the model's features: "
            f"{', '.join(sorted(features))}. Choose one of them, or take it out of training.features.excluded."
        )

    @classmethod
    def no_version(cls, name: str, wanted: str, found: Iterable[str]) -> ModelError:
        """Name the model, the version or alias asked for, and what there is."""
        known = ", ".join(found)
        there = f"There are: {known}." if known else "No version of that name is registered."
        return cls(f"Registered model '{name}' has no {wanted}. {there}")

    @classmethod
    def unknown_prediction(cls, prediction_id: str, tables: Iterable[str]) -> ModelError:
        """Name the id and the tables that do not have it."""
        return cls(
            f"No prediction has the id '{prediction_id}'. Searched: {', '.join(tables)}. An endpoint's answer is on "
            "record some seconds after it was given, and only if the endpoint logs it (log.enabled, sampling_fraction)."
        )

    @classmethod
    def store_unreachable(cls, reason: str) -> ModelError:
        """Give the store's kind of error."""
        return cls(
            f"The MLflow store cannot be used ({reason}). Check MLFLOW_TRACKING_URI, MLFLOW_REGISTRY_URI and that "
            "no other process holds the database; then run again."
        )

    @classmethod
    def no_champion(cls, environment: str, why: str = "") -> ModelError:
        """Name the environment and, if it is known, why there is none and what comes next."""
        unknown = (
            f"Make one: kedro run --pipelines training,evaluation,promotion --env {environment}. If that has run, "
            f"boathouse models list --env {environment} shows what waits for approval."
        )
        return cls(f"No model is champion in environment '{environment}'. {why or unknown}")

    @classmethod
    def no_challenger(cls, environment: str) -> ModelError:
        """Name the environment that has none."""
        return cls(
            f"No model is challenger in environment '{environment}', so none can score beside the champion. "
            "Set batch_inference.scoring.challenger: false, or train a candidate that is kept as challenger."
        )


class RegistryRefusedError(ModelError):
    """The registry answers, and who asks lacks a right there."""

    @classmethod
    def by_store(cls, reason: str) -> RegistryRefusedError:
        """Give the code and the words of the refusal."""
        return cls(
            f"The model registry refuses the request ({reason}). In Unity Catalog the model's schema has to exist, "
            "and who runs this needs USE CATALOG and USE SCHEMA, EXECUTE to read a model, CREATE MODEL to register, "
            "and to own the model to change it. See who that is: boathouse doctor."
        )


class UntrustedModelError(ModelError):
    """A stored model has a form that would execute foreign code, or its digest is wrong."""

    @classmethod
    def foreign_files(cls, names: Iterable[str], allowed: Iterable[str]) -> UntrustedModelError:
        """Name the files that a model folder may not hold."""
        return cls(f"The model holds {', '.join(map(repr, names))}; allowed: {', '.join(sorted(allowed))}. Not loaded.")

    @classmethod
    def other_wheel(cls, name: str, tag: str | None, found: Mapping[str, str]) -> UntrustedModelError:
        """Name the model, what its tag says of its wheel, and what lies beside it, with digests."""
        there = ", ".join(f"{path}@sha256:{digest}" for path, digest in found.items()) or "no wheel"
        return cls(
            f"The wheel of model '{name}' is not the one that was registered: its tag says {tag or 'nothing'}, beside "
            f"it is {there}. An endpoint would install that. Not loaded. Train the model again."
        )

    @classmethod
    def retired_format(cls, names: Iterable[str]) -> UntrustedModelError:
        """Name the files in a format that is no longer read."""
        return cls(
            f"The model was saved by an earlier version, as {', '.join(names)} (XGBoost's binary JSON), which is no "
            "longer read. Not loaded. Train it again: kedro run --pipeline training; what it was made from stays on "
            "record."
        )

    @classmethod
    def other_width(cls, name: str, found: int | None, features: int) -> UntrustedModelError:
        """Give the columns that the estimator takes and the features that the spec names."""
        return cls(
            f"The model's {name} takes {found} column(s), its spec.json names {features} feature(s). Not loaded; train "
            "it again."
        )

    @classmethod
    def without_manifest(cls) -> UntrustedModelError:
        """Say that no manifest lists what the files should be."""
        return cls("The model has no manifest.json with the digests of its files. Not loaded; train it again.")

    @classmethod
    def manifest_differs(cls, names: Iterable[str]) -> UntrustedModelError:
        """Name the files that are listed but missing, or there but not listed."""
        return cls(f"The model's manifest and its files disagree about {', '.join(names)}. Not loaded.")

    @classmethod
    def changed_files(cls, names: Iterable[str]) -> UntrustedModelError:
        """Name the files whose digest is not the recorded one."""
        return cls(f"These files of the model were changed after it was saved: {', '.join(names)}. Not loaded.")

    @classmethod
    def unreadable(cls, name: str) -> UntrustedModelError:
        """Name the file that is not what it should be."""
        return cls(f"The model's {name} is not what this version writes. Not loaded; train it again.")

    @classmethod
    def unknown_algorithm(cls, name: str, known: Iterable[str]) -> UntrustedModelError:
        """Name the algorithm found and those that can be loaded."""
        return cls(f"The model's algorithm is {name!r}; known: {', '.join(sorted(known))}. Not loaded.")

    @classmethod
    def unknown_task(cls, name: str, known: Iterable[str]) -> UntrustedModelError:
        """Name the task found and those that can be answered."""
        return cls(f"The model's task is {name!r}; known: {', '.join(sorted(known))}. Not loaded.")

    @classmethod
    def foreign_types(cls, name: str, types: Iterable[str]) -> UntrustedModelError:
        """Name the types that a stored estimator may not hold."""
        return cls(f"The model's {name} holds types that are not allowed: {', '.join(types)}. Not loaded.")

    @classmethod
    def foreign_loader(cls, name: str, found: str) -> UntrustedModelError:
        """Name the registered model and what its MLmodel file would execute."""
        return cls(f"Model '{name}' would be loaded by {found}; only boathouse.scoring is allowed. Not loaded.")

    @classmethod
    def odd_file(cls, name: str, file: str) -> UntrustedModelError:
        """Name the registered model and what is neither file nor folder in it."""
        return cls(f"Model '{name}' holds {file!r}, which is a link or a device, not a file. Not loaded.")

    @classmethod
    def too_large(cls, name: str, files: int, found: int, allowed: int) -> UntrustedModelError:
        """Give number and size of the model's files."""
        return cls(
            f"Model '{name}' has {files} file(s) of {found:,} bytes in all; a model has few, of {allowed:,} bytes at "
            "most, packed or unpacked. Not loaded."
        )

    @classmethod
    def other_digest(cls, name: str, registered: str | None, found: str) -> UntrustedModelError:
        """Give the digest that the registry recorded and that of the files."""
        return cls(
            f"Model '{name}' was registered with digest {(registered or 'none')[:16]}, its files have {found[:16]}. "
            "Not loaded; train it again, or find out who changed it."
        )


class UndecidedModelError(UntrustedModelError):
    """The registry offers a version that the ledger did not decide on."""

    @classmethod
    def alias_moved(
        cls, name: str, alias: str, decided: str | None, found: str | None, *, ledger: str
    ) -> UndecidedModelError:
        """Give the versions that ledger and registry have at the alias, and the command that sets it back."""
        shown, recorded = (f"version {each}" if each else "not set" for each in (found, decided))
        return cls(
            f"Alias '{alias}' of {name} is {shown} in the registry; {ledger} decided: {recorded}. It was moved past "
            f"the ledger. Nothing was loaded. Set it back: boathouse models sync {name} --env {name_environment(name)}"
        )

    @classmethod
    def unknown_version(cls, name: str, version: str, known: Iterable[str], *, ledger: str) -> UndecidedModelError:
        """Name the version, those that the ledger has, and the command that records the others."""
        return cls(
            f"'{name}' has no version {version} by {ledger}; it has: {', '.join(known) or 'none'}. Nothing was loaded. "
            f"If the registry has it, record it: boathouse models sync {name} --env {name_environment(name)}"
        )

    @classmethod
    def undecided_digest(
        cls, name: str, version: str, decided: str | None, found: str | None, *, ledger: str
    ) -> UndecidedModelError:
        """Give the digest on record and the one found, and what to do."""
        here = f"--env {name_environment(name)}"
        shown, recorded = ((each or "none")[:16] for each in (found, decided))
        return cls(
            f"Version {version} of {name} has digest {shown}, {ledger} has {recorded}: files or tag were changed after "
            "it was registered. Not loaded. If the files are those on record, this sets the tag back: boathouse models "
            f"sync {name} {here}. Else go back: boathouse models rollback {name} {here}, or train again."
        )

    @classmethod
    def archived(cls, name: str, version: str, reason: str) -> UndecidedModelError:
        """Name the version and why it was archived."""
        return cls(
            f"Version {version} of {name} is archived ({reason or 'no reason recorded'}): it does not leave for where "
            "no ledger is asked. Choose another version; boathouse models list shows which."
        )


class PromotionError(BoathouseError):
    """A model version cannot change its stage."""
