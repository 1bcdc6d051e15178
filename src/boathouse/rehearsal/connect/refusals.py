"""Refusals in the form in which Spark Connect's clients expect an error: condition, state and message."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The classes by which clients choose the exception that they raise.
_CLASSES = {
    "PARSE_SYNTAX_ERROR": "org.apache.spark.sql.catalyst.parser.ParseException",
    "UNSUPPORTED_FEATURE": "java.lang.UnsupportedOperationException",
}
_ANALYSIS = "org.apache.spark.sql.AnalysisException"
_STATUS_KEY = "grpc-status-details-bin"


@dataclass
class RefusedError(Exception):
    """A statement that the platform refuses.

    Attributes:
        condition: Name of the error, such as ``SCHEMA_NOT_FOUND``.
        state: SQLSTATE.
        text: What is wrong, without name and state.
        parameters: Values in the text, by name.
    """

    condition: str
    state: str
    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The message as Spark writes it."""
        return f"[{self.condition}] {self.text} SQLSTATE: {self.state}"

    def __str__(self) -> str:
        """Return the message."""
        return self.message

    def to_trailing(self) -> tuple[tuple[str, bytes], ...]:
        """Return the metadata that ends the call."""
        from google.protobuf.any_pb2 import Any as AnyMessage
        from google.rpc import error_details_pb2, status_pb2

        kind = _CLASSES.get(self.condition.split(".")[0], _ANALYSIS)
        info = error_details_pb2.ErrorInfo(
            reason=kind,
            domain="org.apache.spark",
            metadata={
                "classes": json.dumps([kind, "java.lang.Exception", "java.lang.Throwable", "java.lang.Object"]),
                "errorClass": self.condition,
                "sqlState": self.state,
                "messageParameters": json.dumps(dict(self.parameters)),
            },
        )
        packed = AnyMessage()
        packed.Pack(info)
        status = status_pb2.Status(code=_INTERNAL, message=self.message, details=[packed])
        return ((_STATUS_KEY, status.SerializeToString()),)


# Spark Connect answers every error of a statement with this code of gRPC.
_INTERNAL = 13


def schema_not_found(catalog: str, schema: str) -> RefusedError:
    """Refuse a schema that was not created."""
    text = (
        f"The schema `{catalog}`.`{schema}` cannot be found. Verify the spelling and correctness of the schema and "
        "catalog."
    )
    return RefusedError("SCHEMA_NOT_FOUND", "42704", text, {"schemaName": f"`{catalog}`.`{schema}`"})


def catalog_not_found(catalog: str) -> RefusedError:
    """Refuse a catalog that was not created."""
    text = f"Catalog '{catalog}' was not found. Please verify the catalog name and then retry the query or command."
    return RefusedError("NO_SUCH_CATALOG_EXCEPTION", "42704", text, {"catalog": catalog})


def table_not_found(name: str) -> RefusedError:
    """Refuse a statement about a table that is not there."""
    text = f"The table or view `{name}` cannot be found. Verify the spelling and correctness of the schema and catalog."
    return RefusedError("TABLE_OR_VIEW_NOT_FOUND", "42P01", text, {"relationName": name})


def permission_denied(principal: str, privilege: str, securable: str) -> RefusedError:
    """Refuse what the principal was not granted."""
    kind = ("Catalog", "Schema", "Table")[min(securable.count("."), 2)]
    text = f"PERMISSION_DENIED: User '{principal}' does not have {privilege.replace('_', ' ')} on {kind} '{securable}'."
    return RefusedError("INSUFFICIENT_PERMISSIONS", "42501", text, {"report": f"{privilege} on {securable}"})


def syntax_error(near: str, text: str) -> RefusedError:
    """Refuse a statement that cannot be read."""
    shown = text if len(text) <= 200 else f"{text[:200]}…"
    message = f"Syntax error at or near {near or 'end of input'}. == SQL == {shown}"
    return RefusedError("PARSE_SYNTAX_ERROR", "42601", message, {"error": near, "hint": ""})


def map_status(trailing: Any, rename: Callable[[str], str]) -> tuple[tuple[str, Any], ...]:  # noqa: ANN401
    """Return trailing metadata of a server's error with the names in its texts replaced by ``rename``."""
    return tuple((key, _map_value(value, rename) if key == _STATUS_KEY else value) for key, value in trailing or ())


def _map_value(value: bytes, rename: Callable[[str], str]) -> bytes:
    from google.rpc import error_details_pb2, status_pb2

    status = status_pb2.Status.FromString(value)
    status.message = rename(status.message)
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            for key in list(info.metadata):
                info.metadata[key] = rename(info.metadata[key])
            detail.Pack(info)
    return bytes(status.SerializeToString())
