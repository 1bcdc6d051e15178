"""The audit trail: events sealed into a chain, in which a change, a removal or a new order shows."""
