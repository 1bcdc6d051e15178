"""What changed since training, what it did to the model, and what to do about it."""
