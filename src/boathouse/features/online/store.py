"""The store: publishing a view in one transaction, looking keys up in one round trip."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.errors import NotPublishedError, OnlineStoreError
from boathouse.features.online import tables
from boathouse.features.online.connections import Connections
from boathouse.features.online.look_up import MICROSECONDS, FeatureRows
from boathouse.features.online.tables import check_keys, check_view, fill, max_age_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.scoring.feature_spec import ViewSpec

Row = tuple[Any, ...]
# Name of the property that holds the environment the store belongs to.
_OWNER = "environment"
# Name of the property that lists the earlier definitions which a view extends.
_EXTENDED = "extended by {}"


@dataclass(frozen=True)
class Published:
    """What a publish did.

    Attributes:
        view: Name of the view.
        rows: Rows offered; in a full publish those that are live now.
        skipped: Why nothing was written, or empty.
    """

    view: str
    rows: int
    skipped: str = ""


@dataclass(frozen=True)
class LiveView:
    """What is live of a view.

    Attributes:
        digest: Digest of the definition.
        version: Version of the table that it was published from.
        table_id: Identity of that table, which another table in its place does not have; empty if it was not given.
    """

    digest: str
    version: int
    table_id: str = ""


class OnlineStore:
    """Features by key in SQLite or PostgreSQL; safe to share between threads."""

    def __init__(
        self, url: str, *, timeout_s: float = 5.0, environment: str | None = None, owner: str | None = None
    ) -> None:
        """Remember where the store is; connect to nothing.

        Args:
            url: ``sqlite:///path`` or ``postgresql+psycopg://user:password@host/database``.
            timeout_s: Longest wait in seconds for a connection, a lock or an answer.
            environment: Whose store it is. The first publish makes it that environment's; every other environment
                is refused from then on. None does not ask.
            owner: Catalog and schema prefix that the store is that of; by default the environment's name.

        Raises:
            OnlineStoreError: If the URL names another database.
        """
        self._connections = Connections(url, timeout_s=timeout_s)
        self._environment, self._owner, self._is_own = environment, owner or environment, environment is None
        self._texts: dict[tuple[ViewSpec, ...], str] = {}
        self._extended: dict[tuple[str, str, str], bool] = {}
        self._replaced = 0

    @property
    def where(self) -> str:
        """The store's URL without login."""
        return self._connections.where

    def look_up(self, keys: Sequence[Sequence[Any]], views: Sequence[ViewSpec]) -> FeatureRows:
        """Return the features of ``keys`` in all ``views``, in the order of the keys, from one round trip.

        A key that a view does not have is no error: its features are NaN.

        Args:
            keys: Values of the key columns of all views, in the order in which the views name them first; int for
                bigint, str for string, None for unknown.
            views: What is looked up; their versions must be those that are live.

        Raises:
            OnlineStoreError: If the store does not answer, is another environment's, a view is not there in that
                version, or a key is of another form.
        """
        chosen = tuple(views)
        if chosen not in self._texts:
            self._texts[chosen] = tables.look_up(tuple(map(check_view, chosen)), self._connections.dialect)
        check_keys(keys, chosen)
        if not keys:
            return FeatureRows.from_database(chosen, [])
        if not self._is_own:
            self._check_owner(self._read_properties().get(_OWNER))
        parameters = tables.key_parameters(keys, self._connections.dialect)
        try:
            rows = self._connections.read(self._texts[chosen], parameters, view=chosen[0].label)
            if self._replaced != self._connections.replaced:
                self._forget()
        except NotPublishedError as error:
            live = self._read_live()  # the database names one table of all that it lacks
            missing = [view.label for view in chosen if view.label not in live] or [chosen[0].label]
            raise OnlineStoreError.not_published(missing, self._environment) from error
        self._check_versions(chosen, rows[0])
        return FeatureRows.from_database(chosen, rows)

    def publish_full(
        self,
        view: ViewSpec,
        rows: Iterable[Row],
        *,
        source_version: int,
        table_id: str = "",
        extends: Sequence[str] = (),
    ) -> Published:
        """Replace the view by ``rows`` in one transaction: readers see all old rows, then all new ones.

        Args:
            view: What is published.
            rows: Values of the key columns, time in microseconds since 1970 UTC, features; each key once.
            source_version: Version of the table they come from. If that of the live rows is higher and table and
                definition are the same, nothing is written: an older run never overwrites a newer one.
            table_id: Identity of that table; versions of another one cannot be compared.
            extends: Digests of earlier definitions, to which features were only added since: looked up as before.

        Raises:
            OnlineStoreError: If a key comes twice, or the store is down, full, read-only or another environment's.
        """
        check_view(view)
        with self._connections.write(view.label) as transaction:
            self._prepare(transaction)
            live = self._live(transaction, view)
            is_same = live is not None and (live.digest, live.table_id) == (view.digest, table_id)
            if live is not None and is_same and live.version > source_version:
                return Published(
                    view.label, 0, f"version {live.version} of the source is live, this is {source_version}"
                )
            unfinished = f"{view.label}__new"
            transaction.execute(f"DROP TABLE IF EXISTS {unfinished}")
            transaction.execute(tables.create_table(view, unfinished, self._connections.dialect))
            count = fill(transaction, view, unfinished, rows, source_version)
            transaction.execute(f"DROP TABLE IF EXISTS {view.label}")
            transaction.execute(f"ALTER TABLE {unfinished} RENAME TO {view.label}")
            self._register(transaction, view, source_version)
            self._set_property(transaction, f"table of {view.label}", table_id)
            self._set_property(transaction, _EXTENDED.format(view.label), ",".join(extends))
        return Published(view.label, count)

    def publish_changes(
        self, view: ViewSpec, rows: Iterable[Row], *, source_version: int, replaced: Sequence[Sequence[Any]] = ()
    ) -> Published:
        """Add and update ``rows`` in one transaction; a stored value that is newer than the offered one stays.

        Newer is the later time, at equal times the higher version of the source. The arguments are those
        of :meth:`publish_full`; a key may come more than once.

        Args:
            view: What is published.
            rows: As in :meth:`publish_full`.
            source_version: As in :meth:`publish_full`.
            replaced: Keys whose stored rows go first, even if they are of a later time, unless they come from a higher
                version of the source: those of rows that were deleted or dated back.

        Raises:
            OnlineStoreError: If the view is not there in this version (publish it in full first), or the store is
                down, full or read-only.
        """
        check_view(view)
        with self._connections.write(view.label) as transaction:
            self._prepare(transaction)
            live = self._live(transaction, view)
            if live is None:
                raise OnlineStoreError.not_published([view.label], self._environment)
            if live.digest != view.digest:
                raise OnlineStoreError.other_version(view.label, view.digest, live.digest)
            if replaced:
                text = tables.delete_keys(view, self._connections.mark)
                transaction.executemany(text, [(*key, source_version) for key in replaced])
            count = fill(transaction, view, view.label, rows, source_version, upsert=True)
            self._register(transaction, view, max(live.version, source_version))
        return Published(view.label, count)

    def purge(self, view: ViewSpec, *, now_us: int) -> int:
        """Remove rows older than the view's maximum age; return how many. Without a maximum age nothing is."""
        age = max_age_s(check_view(view))
        if age is None:
            return 0
        with self._connections.write(view.label) as transaction:
            self._prepare(transaction)
            mark = self._connections.mark
            limit = now_us - age * MICROSECONDS
            text = f"DELETE FROM {view.label} WHERE {tables.TIME} < {mark}"  # noqa: S608 - the name was checked
            return int(transaction.execute(text, (limit,)).rowcount)

    def live_views(self) -> dict[str, LiveView]:
        """Return what is live of each view, by name; nothing for a new store.

        Raises:
            OnlineStoreError: If the store does not answer, or is another environment's.
        """
        properties = self._read_properties()
        self._check_owner(properties.get(_OWNER))
        return {
            name: LiveView(digest, version, properties.get(f"table of {name}", ""))
            for name, (digest, version) in self._read_live().items()
        }

    def source_versions(self) -> dict[str, tuple[str, int]]:
        """Return digest and version of the source of each live view, by name; nothing for a new store."""
        return {name: (live.digest, live.version) for name, live in self.live_views().items()}

    def close(self) -> None:
        """Give up all connections; the next call opens new ones."""
        self._connections.close()

    def _forget(self) -> None:
        """Ask again whose store this is, and what extends what: another file stands in its place.

        Raises:
            OnlineStoreError: If it is another environment's.
        """
        self._replaced = self._connections.replaced
        self._extended.clear()
        if self._environment is not None:
            self._is_own = False
            self._check_owner(self._read_properties().get(_OWNER))

    def _check_versions(self, views: Sequence[ViewSpec], row: Sequence[Any]) -> None:
        # The digests stand after the place of the key.
        for view, live in zip(views, row[1:], strict=False):
            if live is None:
                raise OnlineStoreError.not_published([view.label], self._environment)
            if live != view.digest and not self._is_extended(view, live):
                raise OnlineStoreError.other_version(view.label, view.digest, live)

    def _is_extended(self, view: ViewSpec, live: str) -> bool:
        """Return whether what is live has all of ``view`` and features added since; asked once a definition."""
        pair = (view.label, view.digest, live)
        if pair not in self._extended:
            listed = self._read_properties().get(_EXTENDED.format(view.label), "")
            self._extended[pair] = view.digest in listed.split(",")
        return self._extended[pair]

    def _prepare(self, transaction: Any) -> None:  # noqa: ANN401 - a DBAPI cursor
        """Make the store's own tables; take a store that has no owner yet.

        Raises:
            OnlineStoreError: If it is another environment's.
        """
        for text in (tables.REGISTRY, tables.PROPERTIES):
            transaction.execute(text)
        owner = dict(transaction.execute(tables.ALL_PROPERTIES).fetchall()).get(_OWNER)
        if owner is None and self._owner is not None:
            self._set_property(transaction, _OWNER, self._owner)
        self._check_owner(owner)

    def _check_owner(self, owner: str | None) -> None:
        if self._owner is not None and owner not in (None, self._owner):
            error = OnlineStoreError(
                f"The online store {self.where} is that of environment '{owner}'; '{self._owner}' neither reads nor "
                "writes it. Give each environment a store of its own: BOATHOUSE_ONLINE_STORE may contain {env}, as in "
                ".../features_{env}."
            )
            error.where = self.where
            raise error
        self._is_own = self._is_own or owner is not None

    def _read_properties(self) -> dict[str, str]:
        return dict(self._read(tables.ALL_PROPERTIES))

    def _read_live(self) -> dict[str, tuple[str, int]]:
        """Return digest and version of the source of each live view, by name."""
        rows = self._read("SELECT view, digest, source_version FROM online_views")
        return {name: (digest, int(version)) for name, digest, version in rows}

    def _read(self, text: str) -> list[Any]:
        """Return the rows of one of the store's own tables; none where there is no such table or store yet."""
        try:
            return self._connections.read(text, (), view="online_views")
        except NotPublishedError:
            return []

    def _live(self, transaction: Any, view: ViewSpec) -> LiveView | None:  # noqa: ANN401
        text = f"SELECT digest, source_version FROM online_views WHERE view = {self._connections.mark}"  # noqa: S608
        row = transaction.execute(text, (view.label,)).fetchone()
        properties = dict(transaction.execute(tables.ALL_PROPERTIES).fetchall())
        return None if row is None else LiveView(row[0], int(row[1]), properties.get(f"table of {view.label}", ""))

    def _set_property(self, transaction: Any, name: str, value: str) -> None:  # noqa: ANN401
        mark = self._connections.mark
        text = (
            f"INSERT INTO online_properties VALUES ({mark}, {mark}) "  # noqa: S608
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        transaction.execute(text, (name, value))

    def _register(self, transaction: Any, view: ViewSpec, source_version: int) -> None:  # noqa: ANN401
        marks = ", ".join([self._connections.mark] * 4)
        text = (
            f"INSERT INTO online_views VALUES ({marks}) ON CONFLICT (view) DO UPDATE SET digest = excluded.digest, "  # noqa: S608
            "source_version = excluded.source_version, published_at = excluded.published_at"
        )
        now = time.time_ns() // 1000
        transaction.execute(text, (view.label, view.digest, source_version, now))
