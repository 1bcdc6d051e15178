"""The one exception tree. A message says what was expected, what was found, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date


class BoathouseError(Exception):
    """Base of every error that Boathouse raises on purpose."""


class OptionError(BoathouseError, ValueError):
    """A parameter has a value outside what is allowed."""

    @classmethod
    def out_of_range(cls, name: str, value: object, allowed: str) -> OptionError:
        """Name the option, the value found and the allowed range."""
        return cls(f"'{name}' is {value!r}; allowed: {allowed}.")

    @classmethod
    def unknown_choice(cls, name: str, value: object, choices: Iterable[str]) -> OptionError:
        """Name the option, the value found and the closed list it must come from."""
        return cls(f"'{name}' is {value!r}; allowed: {', '.join(sorted(choices))}.")


class ConfigError(BoathouseError):
    """The configuration names something that does not exist or contradicts itself."""

    @classmethod
    def unknown_contract(cls, name: str, known: Iterable[str]) -> ConfigError:
        """Name the contract asked for and those there are."""
        return cls(f"There is no contract '{name}'. Known: {', '.join(sorted(known))}.")

    @classmethod
    def in_catalog(cls, table: str, problem: str) -> ConfigError:
        """Name the catalog entry's table and what is wrong with its options."""
        return cls(f"Catalog entry of table '{table}': {problem}.")


class EngineError(BoathouseError):
    """An engine cannot start or does not offer what was asked of it."""

    @classmethod
    def not_installed(cls, engine: str, what: str, command: str) -> EngineError:
        """Name the engine, what it lacks and the command that installs it."""
        return cls(f"The engine '{engine}' cannot start: {what} is missing. Install it: {command}.")

    @classmethod
    def one_per_process(cls, engine: str, running: Iterable[str]) -> EngineError:
        """Say that classic Spark and Spark Connect exclude each other in one process."""
        return cls(
            f"The engine '{engine}' cannot start beside '{', '.join(running)}': a process has classic Spark or "
            "Spark Connect, not both. Stop the other engine and use a new process."
        )

    @classmethod
    def start_failed(cls, engine: str, log: str, command: str) -> EngineError:
        """Name the engine, the log that tells why and what usually helps."""
        return cls(f"The engine '{engine}' did not start; its log is {log}. If jars are missing: {command}.")

    @classmethod
    def jars_missing(cls, folder: str) -> EngineError:
        """Name the folder in which the jars were expected."""
        return cls(f"Delta's jars are not in {folder}. Fetch them: make jars (needs Maven Central once).")

    @classmethod
    def no_workspace(cls) -> EngineError:
        """Say how the engine learns which workspace to use."""
        return cls(
            "The engine 'databricks' does not know a workspace. Set DATABRICKS_HOST or DATABRICKS_CONFIG_PROFILE, "
            "or choose a local engine: BOATHOUSE_ENGINE=sail."
        )

    @classmethod
    def no_credentials(cls, variables: str) -> EngineError:
        """Name the variables that would authenticate, never their values."""
        return cls(f"DATABRICKS_HOST is set but no credentials are. Set {variables}; no local session is used instead.")

    @classmethod
    def workspace_unreachable(cls, reason: str) -> EngineError:
        """Give the kind of error that the platform's client raised."""
        return cls(
            f"Databricks Connect could not open a session ({reason}). Check host, credentials and cluster; "
            "no local session is used instead."
        )


class TableError(BoathouseError):
    """A table cannot be read or written as asked."""

    @classmethod
    def not_writable(cls, table: str, path: str) -> TableError:
        """Name the table and the folder that refuses it."""
        return cls(
            f"Table '{table}' cannot be written: {path} is no writable folder. "
            "Make it one, or set BOATHOUSE_DATA to a folder that is."
        )

    @classmethod
    def wrong_form(cls, table: str, found: str) -> TableError:
        """Name the kind of object that was to be saved."""
        return cls(f"Table '{table}': expected a frame of Spark, pandas, pyarrow or polars, found {found}.")

    @classmethod
    def failed(cls, table: str, action: str, reason: str) -> TableError:
        """Name the table, what was tried and the engine's kind of error."""
        return cls(f"Table '{table}' cannot be {action}: {reason}")

    @classmethod
    def missing_extract(cls, path: str) -> TableError:
        """Name the file that has not been delivered."""
        return cls(f"There is no extract {path}. Put the delivered file there, or change 'raw_folder' in globals.yml.")

    @classmethod
    def wrong_slice_type(cls, table: str, column: str, dtype: str, allowed: Iterable[str]) -> TableError:
        """Name the column, its type and the types that can tell slices apart."""
        return cls(f"Table '{table}': slices by '{column}' ({dtype}); allowed types: {', '.join(sorted(allowed))}.")

    @classmethod
    def too_many_slices(cls, table: str, columns: Iterable[str], found: int, limit: int) -> TableError:
        """Say how many distinct slices one write touches and how many it may."""
        return cls(
            f"Table '{table}': {found} or more distinct values of {', '.join(columns)} in one write, at most {limit} "
            "are allowed. Choose a coarser column or mode merge."
        )

    @classmethod
    def missing_version(cls, table: str, wanted: str, newest: int) -> TableError:
        """Name the version asked for and the newest there is."""
        return cls(f"Table '{table}' has no {wanted}; its newest version is {newest}.")

    @classmethod
    def vacuumed(cls, path: str, version: int, files: int) -> TableError:
        """Give the version whose files are gone and how many are."""
        return cls(
            f"Version {version} of the table in {path} cannot be read: {files} of its files are gone, probably "
            "vacuumed. Read a newer version, or make the table anew from its sources."
        )


class MissingTableError(TableError):
    """A table that a pipeline reads does not exist in this environment."""

    @classmethod
    def in_environment(cls, table: str, environment: str, place: str, made_by: str | None) -> MissingTableError:
        """Name table, environment, where it was looked for and the command that makes it."""
        pipeline = f"--pipeline {made_by} " if made_by else ""
        return cls(
            f"Table '{table}' does not exist in environment '{environment}' (looked for {place}). "
            f"Make it: kedro run {pipeline}--env {environment}"
        )


class SchemaMismatchError(TableError):
    """The columns found are not the columns expected."""

    @classmethod
    def from_diff(cls, table: str, lines: Iterable[str], *, where: str) -> SchemaMismatchError:
        """Show the column diff against the contract of ``table``."""
        diff = "\n".join(lines)
        return cls(
            f"{where}: the columns are not those of the contract '{table}'.\n{diff}\n"
            "Change the data, or the contract and the code that fills it, in one commit."
        )

    @classmethod
    def repeated_columns(cls, table: str, names: Iterable[str]) -> SchemaMismatchError:
        """Name the columns that occur more than once."""
        return cls(f"Saving '{table}': columns occur more than once: {', '.join(names)}.")

    @classmethod
    def from_stored(cls, table: str, lines: Iterable[str]) -> SchemaMismatchError:
        """Show the column diff against the stored table, for a write that may not change it."""
        diff = "\n".join(lines)
        return cls(
            f"Saving '{table}': the columns are not those of the stored table.\n{diff}\n"
            "If the change is meant, set allow_schema_evolution: true on the catalog entry for one run."
        )


class ReadOnlyTableError(TableError):
    """A write was tried on a table opened for reading only."""

    @classmethod
    def on_save(cls, table: str) -> ReadOnlyTableError:
        """Name the table and the catalog option that protects it."""
        return cls(f"Table '{table}' is read-only here (read_only: true in the catalog); nothing was written.")


class CommitConflictError(TableError):
    """Another writer changed the table at the same time, more often than retries allow."""

    @classmethod
    def moved_on(cls, table: str) -> CommitConflictError:
        """Name the table that has grown since it was looked at."""
        return cls(f"Table '{table}': another writer committed first; nothing was written. Look again and retry.")

    @classmethod
    def after_retries(cls, table: str, attempts: int) -> CommitConflictError:
        """Name the table and how often it was tried."""
        return cls(
            f"Table '{table}': other writers committed first in all {attempts} attempts; nothing was written. "
            "Run again, or raise 'retries' on the catalog entry."
        )


class DataQualityError(BoathouseError):
    """Data break their contract so badly that nothing may be published."""

    @classmethod
    def no_rows(cls, table: str) -> DataQualityError:
        """Name the table that would become empty."""
        return cls(f"Table '{table}': there are no rows to clean; nothing was published. Check the extract.")

    @classmethod
    def no_dates(cls, column: str) -> DataQualityError:
        """Name the column whose newest date was to be taken."""
        return cls(
            f"No row has a date in '{column}', so the newest known date cannot be taken. "
            "Fill the table first, or name a date: --params as_of=YYYY-MM-DD."
        )

    @classmethod
    def null_columns(cls, table: str, columns: Iterable[str]) -> DataQualityError:
        """Name the columns that hold no value at all."""
        return cls(
            f"Table '{table}': no row has a value in {', '.join(columns)}; nothing was published. "
            "The extract is broken upstream: ask for a complete one."
        )

    @classmethod
    def missing_periods(cls, table: str, periods: Iterable[str]) -> DataQualityError:
        """Name the months between the first and the last that have no rows."""
        return cls(
            f"Table '{table}': expected rows for every month from the first to the last, found none for "
            f"{', '.join(periods)}; nothing was published. Deliver the missing months."
        )

    @classmethod
    def above_limit(cls, table: str, counts: Mapping[str, int], *, rows: int, limit: float) -> DataQualityError:
        """Name rules with their counts, and the limit that they exceed together."""
        lines = "\n".join(f"  {rule}: {count:,}" for rule, count in sorted(counts.items()))
        return cls(
            f"Table '{table}': more than {limit:.2%} of {rows:,} rows break its rules; nothing was published.\n"
            f"{lines}\n"
            "Correct the extract, or change data_prep.quality.max_quarantined_share."
        )

    @classmethod
    def unbalanced_scoring(cls, rows: int, scored: int, quarantined: int) -> DataQualityError:
        """Give the three counts that should add up."""
        return cls(
            f"Scoring took {rows:,} rows in, but {scored:,} scored and {quarantined:,} quarantined came out. "
            "Nothing was published. Look for repeated keys in the feature tables, or rows dropped by the scorer."
        )

    @classmethod
    def empty_file(cls, path: str) -> DataQualityError:
        """Name the file that has no rows."""
        return cls(f"The extract {path} has no rows; nothing was read. Ask its supplier for a complete one.")

    @classmethod
    def ragged_file(cls, path: str, line: int, found: int, expected: int) -> DataQualityError:
        """Name the line whose number of fields is wrong."""
        return cls(f"The extract {path} has {found} fields in line {line}, expected {expected}; nothing was read.")

    @classmethod
    def not_utf8(cls, path: str) -> DataQualityError:
        """Name the file that is in another encoding."""
        return cls(f"The extract {path} is not UTF-8; nothing was read. Ask its supplier for UTF-8.")

    @classmethod
    def from_counts(cls, table: str, counts: Mapping[str, int], *, rows: int) -> DataQualityError:
        """Name table and broken rules with their row counts, never values."""
        lines = "\n".join(f"  {rule}: {count} of {rows} rows" for rule, count in sorted(counts.items()))
        return cls(f"Table '{table}': rows break its contract; nothing was written.\n{lines}")


class FeatureError(BoathouseError):
    """A feature view is declared or used wrongly."""

    @classmethod
    def without_keys(cls, view: str) -> FeatureError:
        """Name the view that no row could be looked up in."""
        return cls(f"Feature view '{view}' has no keys. Declare the columns that identify its entity.")

    @classmethod
    def repeated_names(cls, view: str, names: Iterable[str]) -> FeatureError:
        """Name the columns that a view declares twice."""
        return cls(f"Feature view '{view}' declares more than once: {', '.join(names)}. Rename one of each.")

    @classmethod
    def no_function(cls, view: str, found: str) -> FeatureError:
        """Name the view whose logic could not be recorded."""
        return cls(f"Feature view '{view}' is computed by a {found}. Give it a function: its source is recorded.")

    @classmethod
    def collision(cls, owners: Mapping[str, Iterable[str]]) -> FeatureError:
        """Name the features that several views declare."""
        lines = "; ".join(f"{name} in {', '.join(views)}" for name, views in sorted(owners.items()))
        return cls(f"Features of views joined together need names of their own; found {lines}.")

    @classmethod
    def unknown(cls, name: str, views: Iterable[str]) -> FeatureError:
        """Name what was asked for and the views there are."""
        return cls(f"There is no view or feature '{name}'. Views: {', '.join(views)}; boathouse features list.")

    @classmethod
    def spine_lacks(cls, missing: Iterable[str], found: Iterable[str]) -> FeatureError:
        """Name the columns by which the spine would be joined."""
        return cls(f"The spine lacks {', '.join(missing)}; it has {', '.join(sorted(found))}.")

    @classmethod
    def spine_holds(cls, names: Iterable[str]) -> FeatureError:
        """Name the features that the spine brings itself."""
        return cls(f"The spine already has columns named like features: {', '.join(names)}. Drop them first.")

    @classmethod
    def not_found(cls, words: Iterable[str]) -> FeatureError:
        """Give the words that no feature has."""
        return cls(f"No feature has all of the words: {' '.join(words)}. See all: boathouse features list.")

    @classmethod
    def read_by_none(cls, column: str, tables: Iterable[str]) -> FeatureError:
        """Name what no view reads, and the tables that views read."""
        return cls(
            f"No view reads {column}. Give <schema>.<table> or <schema>.<table>.<column>; "
            f"views read {', '.join(tables)}."
        )

    @classmethod
    def inconsistent(cls, views: Iterable[str]) -> FeatureError:
        """Name the views whose online answers differ from the offline tables."""
        return cls(
            f"Answers of {', '.join(views)} differ from the offline tables. Earlier dates mean that it was published "
            "late: boathouse features publish. Other differences mean that the tables were computed anew since."
        )

    @classmethod
    def source_lacks_keys(cls, view: str, source: str, missing: Iterable[str]) -> FeatureError:
        """Name the source whose rows belong to no entity."""
        return cls(
            f"Feature view '{view}' reads {source} without {', '.join(missing)}. Every source has the view's keys, so "
            "that a changed row tells which entity changes; add the keys to its columns, or join them on before."
        )

    @classmethod
    def repeated_views(cls, labels: Iterable[str]) -> FeatureError:
        """Name the versions that are declared twice."""
        return cls(f"Declared more than once: {', '.join(labels)}. Give one of each another name or version.")

    @classmethod
    def unknown_source(cls, tables: Iterable[str]) -> FeatureError:
        """Name the views that others are made from and that nobody declares."""
        return cls(f"Views are made from {', '.join(tables)}, which no view declares. Declare it, or correct the name.")

    @classmethod
    def circular(cls, tables: Iterable[str]) -> FeatureError:
        """Name the views that need one another."""
        return cls(
            f"Views are made from one another in a circle: {', '.join(tables)}. Take one out of the other's sources."
        )

    @classmethod
    def still_used(cls, view: str, digest: str, users: Iterable[str]) -> FeatureError:
        """Name a definition that is gone and the models that still need it."""
        return cls(
            f"Feature view {view} in its definition {digest} is no longer declared, but is used by {', '.join(users)}. "
            "Keep the old declaration beside the new one and give the new one the next version; remove the old one "
            "when no model uses it."
        )

    @classmethod
    def not_declared(cls, wanted: Iterable[str], declared: Iterable[str], model: str) -> FeatureError:
        """Name the views a model was trained on that are not there any more."""
        return cls(
            f"{model} was trained on {', '.join(wanted)}; declared are {', '.join(declared)}. "
            "Score with the package version the model was trained with, declare that version again, or train anew."
        )

    @classmethod
    def table_lacks(cls, view: str, missing: Iterable[str], found: Iterable[str]) -> FeatureError:
        """Name the columns that a view's table should have."""
        return cls(
            f"The table of feature view '{view}' lacks {', '.join(missing)}; it has {', '.join(sorted(found))}. "
            f"Compute it again: boathouse features refresh --view {view} --full"
        )

    @classmethod
    def wrong_times(cls, column: str, found: str, spine_time: str, asked: str) -> FeatureError:
        """Name both time columns and their types."""
        return cls(
            f"Times cannot be compared: {column} is {found}, the spine's {spine_time} is {asked}. Both must be "
            "date, or both timestamp (an instant; timestamp_ntz has no zone). Cast one of them and say in which zone."
        )


class FreshnessError(BoathouseError):
    """Feature views lag behind their sources."""

    @classmethod
    def late(cls, views: Iterable[str], environment: str) -> FreshnessError:
        """Name the views and the command that brings them up to date."""
        return cls(
            f"Further behind their sources than they may be: {', '.join(views)}. "
            f"Compute them: boathouse features refresh --env {environment}"
        )


class RequestError(BoathouseError):
    """A request brings values that features cannot be computed from; values are never echoed."""

    @classmethod
    def unknown_fields(cls, found: Iterable[str], known: Iterable[str]) -> RequestError:
        """Name the fields that no feature takes."""
        return cls(f"Unknown field(s) {', '.join(found)}. Known: {', '.join(known) or 'none'}. Remove or rename them.")

    @classmethod
    def wrong_key(cls, found: int, names: Iterable[str]) -> RequestError:
        """Give the number of parts and the columns they are for."""
        return cls(f"A key has {found} part(s); expected are {'/'.join(names)}, divided by /.")

    @classmethod
    def unknown_features(cls, missing: Iterable[str]) -> RequestError:
        """Name the features that are neither stored nor computed."""
        return cls(
            f"No view stores and no on-demand feature computes {', '.join(missing)}. Look up all views of the model's "
            "feature spec."
        )

    @classmethod
    def missing_field(cls, name: str) -> RequestError:
        """Name the field that must be given."""
        return cls(f"Field '{name}' is missing in at least one row, and has no default. Give a number in each row.")

    @classmethod
    def wrong_type(cls, name: str, found: str) -> RequestError:
        """Name the field and the type that was found."""
        return cls(f"Field '{name}' is of type {found}; a number is expected.")

    @classmethod
    def wrong_length(cls, name: str, found: int, rows: int) -> RequestError:
        """Give the number of values and of rows."""
        return cls(f"Field '{name}' has {found} value(s) for {rows} row(s). Give one a row.")

    @classmethod
    def changed_definition(cls, name: str, expected: str, found: str) -> RequestError:
        """Name an on-demand feature that is computed otherwise than in training."""
        return cls(
            f"On-demand feature '{name}' has the definition {found}; the model was trained with {expected}. "
            "Score with the package version the model was trained with, or train anew."
        )


class OnlineStoreError(BoathouseError):
    """The online store cannot hold, take or give features as asked."""

    @classmethod
    def odd_names(cls, view: str, names: Iterable[str]) -> OnlineStoreError:
        """Name what cannot be the name of a table or column."""
        return cls(
            f"View '{view}' has names that the online store cannot use: {', '.join(names)}. "
            "Allowed: a small letter, then small letters, digits and _, at most 51 in all."
        )

    @classmethod
    def wrong_keys(cls, view: str, found: Iterable[str], allowed: Iterable[str]) -> OnlineStoreError:
        """Name the keys of a wrong type, or say that there are none."""
        shown = ", ".join(found) or "no key"
        return cls(f"View '{view}' has {shown}; the online store needs keys of type {' or '.join(allowed)}.")

    @classmethod
    def key_width(cls, found: int, names: Iterable[str]) -> OnlineStoreError:
        """Give the number of values of a key and the columns they are for."""
        return cls(f"A key has {found} value(s); the views are looked up by {', '.join(names)}.")

    @classmethod
    def unavailable(cls, where: str, reason: str) -> OnlineStoreError:
        """Name the store without its login, and the driver's kind of error."""
        return cls(
            f"The online store {where} does not answer ({reason}). Check that it runs and can be reached; nothing was "
            "changed, and the next call tries again."
        )

    @classmethod
    def not_published(cls, view: str) -> OnlineStoreError:
        """Name the view that the store does not have."""
        return cls(f"The online store has no view '{view}'. Publish it: boathouse features publish --view {view}")

    @classmethod
    def other_version(cls, view: str, wanted: str, live: str) -> OnlineStoreError:
        """Name the version asked for and the one that is live."""
        return cls(
            f"View '{view}' is asked for in version {wanted}, the online store has {live}. "
            "Use the model that was trained with that version, or publish the version asked for."
        )

    @classmethod
    def not_written(cls, view: str, reason: str) -> OnlineStoreError:
        """Name the view and why the store took nothing."""
        return cls(f"View '{view}' was not published: {reason} What was live before is still live.")


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
            "Choose a later as_of, or fewer validation and test months."
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
        """Give the number of labels that nobody knew yet."""
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
    def not_registered(cls, name: str, wanted: str, command: str) -> ModelError:
        """Name the model, the alias or version asked for, and the command that makes it."""
        return cls(f"Registered model '{name}' has no {wanted}. Make one: {command}")

    @classmethod
    def store_unreachable(cls, reason: str) -> ModelError:
        """Give the store's kind of error."""
        return cls(
            f"The MLflow store cannot be used ({reason}). Check MLFLOW_TRACKING_URI and that no other process "
            "holds the database; then run again."
        )

    @classmethod
    def no_champion(cls, environment: str) -> ModelError:
        """Name the environment and the commands that make a champion there."""
        return cls(
            f"No model is champion in environment '{environment}'. Make one with: "
            f"kedro run --pipelines training,evaluation,promotion --env {environment}. "
            f"If that has run, reports/{environment}/promotion.json names the gates that refused."
        )


class UntrustedModelError(ModelError):
    """A stored model has a form that would execute foreign code, or its digest is wrong."""

    @classmethod
    def foreign_files(cls, names: Iterable[str], allowed: Iterable[str]) -> UntrustedModelError:
        """Name the files that a model folder may not hold."""
        return cls(f"The model holds {', '.join(map(repr, names))}; allowed: {', '.join(sorted(allowed))}. Not loaded.")

    @classmethod
    def without_manifest(cls) -> UntrustedModelError:
        """Say that nothing tells what the files should be."""
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
    def foreign_types(cls, name: str, types: Iterable[str]) -> UntrustedModelError:
        """Name the types that a stored estimator may not hold."""
        return cls(f"The model's {name} holds types that are not allowed: {', '.join(types)}. Not loaded.")

    @classmethod
    def foreign_loader(cls, name: str, found: str) -> UntrustedModelError:
        """Name the registered model and what its MLmodel file would execute."""
        return cls(f"Model '{name}' would be loaded by {found}; only boathouse.scorer is allowed. Not loaded.")


class PromotionError(BoathouseError):
    """A model version cannot change its stage."""


class MonitoringError(BoathouseError):
    """Monitoring lacks what it compares."""

    @classmethod
    def missing_columns(cls, side: str, columns: Iterable[str]) -> MonitoringError:
        """Name the side of a comparison and the columns it lacks."""
        return cls(
            f"The {side} window lacks the columns {', '.join(columns)}. "
            "Compare only columns that both windows have, or score again with the present features."
        )

    @classmethod
    def empty_side(cls, side: str) -> MonitoringError:
        """Name the side of a comparison that has no rows."""
        return cls(f"The {side} window has no rows: nothing to compare. Check 'as_of' and the months scored.")

    @classmethod
    def nothing_scored(cls, as_of: object, environment: str) -> MonitoringError:
        """Name the date up to which predictions were looked for and the command that makes them."""
        return cls(
            f"No predictions are dated up to {as_of} in environment '{environment}'. "
            f"Make them with: kedro run --pipeline batch_inference --env {environment}"
        )
