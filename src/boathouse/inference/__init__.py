"""What a scoring run reads, publishes and guarantees."""
