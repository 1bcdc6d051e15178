"""The problem a project solves, declared as one object: entity, sources, label, features; what follows from it."""
