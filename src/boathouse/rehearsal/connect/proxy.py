"""The gRPC service in front of Spark: who calls, what they may, names there and back, and what was asked."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from pyspark.sql.connect.proto import base_pb2 as pb
from pyspark.sql.connect.proto import base_pb2_grpc

from boathouse.rehearsal.connect.deep_plans import write_plan
from boathouse.rehearsal.connect.listings import rename_rows
from boathouse.rehearsal.connect.plans import PlanReader
from boathouse.rehearsal.connect.refusals import RefusedError, map_status
from boathouse.rehearsal.connect.unity_sql import UnityRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from boathouse.rehearsal.connect.catalog import AccessProtocol, Catalogs
    from boathouse.rehearsal.connect.plans import PlanFacts
    from boathouse.rehearsal.connect.sql_reading import Use

# Metadata of a call. A parameter ``token`` of the address would make clients ask for an encrypted connection.
TOKEN_KEY, LABEL_KEY, WORKER_KEY = "x-access-token", "x-label", "x-worker-key"
# Of metadata, what belongs to one connection and not to the call.
_OWN = frozenset({"user-agent", TOKEN_KEY, LABEL_KEY, WORKER_KEY, "authorization"})
# Settings of a session that serverless compute lets clients set.
_SETTABLE = frozenset(
    {
        "spark.databricks.execution.timeout",
        "spark.sql.ansi.enabled",
        "spark.sql.legacy.timeParserPolicy",
        "spark.sql.session.timeZone",
        "spark.sql.shuffle.partitions",
    }
)


_SERVICE = "/spark.connect.SparkConnectService"
# The messages with plans, by the method that takes them.
PLANS = {"ExecutePlan": pb.ExecutePlanRequest, "AnalyzePlan": pb.AnalyzePlanRequest}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One request that was let through.

    Attributes:
        principal: Who asked.
        label: What it was asked for: a tag of the session, the address's label, else the principal.
        kind: Such as ``saveAsTable``, ``MERGE INTO``, ``query``, ``analyze`` or ``config``.
        tables: Full names of the tables that it reads or writes.
        text: The statement, where it is SQL.
        recorded: Whether it was only recorded: Spark does not know it.
    """

    principal: str
    label: str
    kind: str
    tables: tuple[str, ...] = ()
    text: str = ""
    recorded: bool = False


class Records:
    """What was asked, and how often, by label; safe to use from any thread."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self.requests: list[Statement] = []
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, statement: Statement) -> None:
        """Keep one statement and count it."""
        with self._lock:
            self.requests.append(statement)
            self.counts[statement.label][statement.kind] += 1

    def count(self, label: str, kind: str) -> None:
        """Count a call that is no statement."""
        with self._lock:
            self.counts[label][kind] += 1


@dataclass(frozen=True)
class _Caller:
    principal: str
    label: str


class CatalogProxy(base_pb2_grpc.SparkConnectServiceServicer):
    """Spark Connect with the catalogs and rights of a workspace."""

    def __init__(self, target: str, access: AccessProtocol, catalogs: Catalogs, *, serverless: bool) -> None:
        """Connect to the server of Spark at ``target``, which need not run yet."""
        self._channel = grpc.insecure_channel(target, options=MESSAGE_OPTIONS)
        self._stub: Any = base_pb2_grpc.SparkConnectServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._stub.ExecutePlan = self._channel.unary_stream(
            f"{_SERVICE}/ExecutePlan",
            request_serializer=write_plan,
            response_deserializer=pb.ExecutePlanResponse.FromString,
        )
        self._stub.AnalyzePlan = self._channel.unary_unary(
            f"{_SERVICE}/AnalyzePlan",
            request_serializer=write_plan,
            response_deserializer=pb.AnalyzePlanResponse.FromString,
        )
        self._access, self._catalogs, self._serverless = access, catalogs, serverless
        self._rules = UnityRules(catalogs)
        self._current: dict[str, tuple[str, str]] = {}
        self.worker_key = secrets.token_hex(16)
        self.records = Records()

    def close(self) -> None:
        """Close the connection to Spark."""
        self._channel.close()

    def ExecutePlan(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802 - a method of the service
        """Run a plan."""
        caller = self._identify(request, context)
        label = next(iter(request.tags), caller.label)
        try:
            facts = self._read(request.plan, request.session_id)
            self._check(facts.uses, caller.principal)
            self._apply(facts, caller.principal, request.session_id)
        except RefusedError as refused:
            self.records.count(label, f"refused {refused.condition}")
            _refuse(context, refused)
        self._note(facts, caller.principal, label)
        for response in self._stream(self._stub.ExecutePlan, request, context):
            if facts.is_listing:
                rename_rows(response, self._catalogs.rename)
            yield response

    def AnalyzePlan(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Explain a plan, or give its columns."""
        caller = self._identify(request, context)
        kind = request.WhichOneof("analyze")
        try:
            self._check_analysis(str(kind))
            facts = self._read(request, request.session_id)
            self._check(facts.uses, caller.principal)
        except RefusedError as refused:
            _refuse(context, refused)
        self.records.count(caller.label, f"analyze {kind}")
        return self._call(self._stub.AnalyzePlan, request, context)

    def Config(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Read or set settings of the session."""
        caller = self._identify(request, context)
        if self._serverless and request.operation.HasField("set"):
            for pair in request.operation.set.pairs:
                if pair.key not in _SETTABLE:
                    text = f"Configuration {pair.key} is not available."
                    _refuse(context, RefusedError("CONFIG_NOT_AVAILABLE", "42K0I", text, {"config": pair.key}))
        self.records.count(caller.label, "config")
        return self._call(self._stub.Config, request, context)

    def ReattachExecute(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802
        """Go on with the answer to a plan."""
        self._identify(request, context)
        yield from self._stream(self._stub.ReattachExecute, request, context)

    def AddArtifacts(self, request_iterator: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Take files of the client."""

        def identified() -> Iterator[Any]:
            for request in request_iterator:
                self._identify(request, context)
                yield request

        return self._call(self._stub.AddArtifacts, identified(), context)

    def FetchErrorDetails(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        """Give the whole of an error."""
        self._identify(request, context)
        response = self._call(self._stub.FetchErrorDetails, request, context)
        for error in response.errors:
            error.message = self._catalogs.rename(error.message)
            if error.HasField("spark_throwable"):
                parameters = error.spark_throwable.message_parameters
                for key in list(parameters):
                    parameters[key] = self._catalogs.rename(parameters[key])
        return response

    def _identify(self, request: Any, context: Any) -> _Caller:  # noqa: ANN401
        """Return who calls, and have Spark keep a session for each principal.

        Without a token that is known the call ends here.
        """
        given = dict(context.invocation_metadata())
        token = given.get(TOKEN_KEY) or given.get("authorization", "").removeprefix("Bearer ")
        principal = self._access.principal_of(token) if token else None
        if given.get(WORKER_KEY) == self.worker_key:
            principal = request.user_context.user_id
        if principal is None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is missing or unknown.")
        request.user_context.user_id = principal
        request.user_context.user_name = principal
        return _Caller(str(principal), given.get(LABEL_KEY) or str(principal))

    def _check_analysis(self, kind: str) -> None:
        if self._serverless and kind == "persist":
            text = "PERSIST TABLE is not supported on serverless compute."
            raise RefusedError("NOT_SUPPORTED_WITH_SERVERLESS", "0A000", text)

    def _read(self, message: Any, session: str) -> PlanFacts:  # noqa: ANN401
        reader = PlanReader(self._catalogs, self._current.get(session, ("", "")), serverless=self._serverless)
        return reader.read(message)

    def _check(self, uses: list[Use], principal: str) -> None:
        for use in uses:
            if use.privilege == "WRITE":
                self._catalogs.require_write(principal, use.name)
            else:
                self._catalogs.require(principal, use.privilege, use.name)

    def _apply(self, facts: PlanFacts, principal: str, session: str) -> None:
        """Record what Spark does not know, and the session's current catalog."""
        if facts.current is not None:
            self._current[session] = facts.current
        for name in facts.replaced:
            self._catalogs.forget(name)
        for _, found in facts.texts:
            if found.unity is None:
                if found.kind == "DROP TABLE":
                    self._catalogs.forget(found.uses[0].name)
                continue
            if found.unity.kind == "USE CATALOG":
                (catalog,) = found.unity.name
                self._catalogs.require(principal, "USE_CATALOG", catalog.lower())
                self._current[session] = (catalog, "")
            elif found.unity.kind == "USE SCHEMA":
                catalog, schema = (self._current.get(session, ("", ""))[0], *found.unity.name)[-2:]
                self._catalogs.database_of(catalog, schema)
                self._current[session] = (catalog, schema)
            else:
                self._rules.apply(found.unity, principal)

    def _note(self, facts: PlanFacts, principal: str, label: str) -> None:
        for text, found in facts.texts:
            tables = tuple(dict.fromkeys(use.name for use in found.uses))
            if found.unity is not None:
                tables = (".".join(found.unity.name).lower(),)
            self.records.add(
                Statement(
                    principal=principal,
                    label=label,
                    kind=found.kind,
                    tables=tables,
                    text=text,
                    recorded=found.unity is not None,
                )
            )
        tables = tuple(dict.fromkeys(use.name for use in facts.uses))
        for kind in facts.kinds or ([] if facts.texts else ["query"]):
            self.records.add(Statement(principal=principal, label=label, kind=kind, tables=tables))

    def _stream(self, method: Any, request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401
        call = method(request, metadata=_pass_on(context))
        context.add_callback(call.cancel)
        try:
            yield from call
        except grpc.RpcError as error:
            self._fail(context, error)

    def _call(self, method: Any, request: Any, context: Any) -> Any:  # noqa: ANN401
        try:
            return method(request, metadata=_pass_on(context))
        except grpc.RpcError as error:
            return self._fail(context, error)

    def _fail(self, context: Any, error: Any) -> None:  # noqa: ANN401
        """End the call with Spark's error, in the names of the workspace."""
        context.set_trailing_metadata(map_status(error.trailing_metadata(), self._catalogs.rename))
        context.abort(error.code(), self._catalogs.rename(error.details() or ""))


def _forward(name: str) -> Callable[[CatalogProxy, Any, Any], Any]:
    def method(self: CatalogProxy, request: Any, context: Any) -> Any:  # noqa: ANN401
        self._identify(request, context)
        return self._call(getattr(self._stub, name), request, context)

    method.__name__ = name
    return method


for _name in ("ArtifactStatus", "Interrupt", "ReleaseExecute", "ReleaseSession", "CloneSession", "GetStatus"):
    if hasattr(base_pb2_grpc.SparkConnectServiceServicer, _name):
        setattr(CatalogProxy, _name, _forward(_name))

# As Spark's own clients: plans hold whole tables.
_LARGEST = 128 * 1024 * 1024
MESSAGE_OPTIONS = [("grpc.max_send_message_length", _LARGEST), ("grpc.max_receive_message_length", _LARGEST)]


def _pass_on(context: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    return [
        (key, value)
        for key, value in context.invocation_metadata()
        if key not in _OWN and not key.startswith((":", "grpc-"))
    ]


def _refuse(context: Any, refused: RefusedError) -> None:  # noqa: ANN401
    context.set_trailing_metadata(refused.to_trailing())
    context.abort(grpc.StatusCode.INTERNAL, refused.message)


class SparkBackend:
    """SQL run for the catalog itself, in the names of Spark."""

    def __init__(self, target: str) -> None:
        """Connect to ``target``, which need not run yet."""
        import uuid

        self._channel = grpc.insecure_channel(target, options=MESSAGE_OPTIONS)
        self._stub = base_pb2_grpc.SparkConnectServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._session = str(uuid.uuid4())

    def wait(self, seconds: float) -> None:
        """Wait until the server answers.

        Raises:
            grpc.FutureTimeoutError: If it does not in that time.
        """
        grpc.channel_ready_future(self._channel).result(timeout=seconds)

    def query(self, text: str) -> Any:  # noqa: ANN401 - a table of Arrow
        """Return the rows of a statement."""
        import pyarrow as pa

        request = pb.ExecutePlanRequest(session_id=self._session, client_type="boathouse")
        request.user_context.user_id = "catalog"
        request.plan.root.sql.query = text
        parts = [
            pa.ipc.open_stream(response.arrow_batch.data).read_all()
            for response in self._stub.ExecutePlan(request)
            if response.HasField("arrow_batch")
        ]
        return pa.concat_tables(parts) if parts else pa.table({})

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
