"""What a table is: its contract, its schema, its fingerprint."""
