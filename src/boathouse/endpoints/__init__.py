"""Endpoints as documents: what is served, to whom, within which limits; needs the standard library alone."""
