"""What a workspace of the platform offers, on loopback: for rehearsals of a bundle and for tests."""
