"""Changing what an endpoint serves: judged by its log, measured under load, on one that is there for a test alone."""
