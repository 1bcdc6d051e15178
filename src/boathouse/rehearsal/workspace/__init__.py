"""A workspace of the platform on loopback, for the platform's own clients."""
