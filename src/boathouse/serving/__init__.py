"""The endpoint: HTTP, look-up, routing, logging."""
