"""Synthetic histories resampled from real ones: seeded, in chunks, the same in every order of work."""
