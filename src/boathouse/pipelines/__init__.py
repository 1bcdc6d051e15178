"""Wiring: which core function reads and leaves which dataset."""
