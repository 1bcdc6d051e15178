"""The problem a project solves, declared as one object, and the contracts that follow from it."""
