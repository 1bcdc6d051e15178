"""The audit trail: events sealed into a chain, in which a change, a removal or a new order shows."""

from boathouse.core.audit.chain import Break, find_breaks, find_breaks_in_rows, seal_events
from boathouse.core.audit.record import AUDIT_COLUMNS, AuditEvent, AuditRecord

__all__ = ["AUDIT_COLUMNS", "AuditEvent", "AuditRecord", "Break", "find_breaks", "find_breaks_in_rows", "seal_events"]
