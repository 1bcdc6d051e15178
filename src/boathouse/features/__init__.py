"""Feature views, their registry and refresh, and their join to a spine as known at each row's time."""
