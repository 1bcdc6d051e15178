"""The bundle: its documents read, merged and resolved for a target, and what is wrong with them."""
