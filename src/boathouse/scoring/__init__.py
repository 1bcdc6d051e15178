"""The one scorer: probability, decision and reasons from a matrix of features; needs numpy alone to import."""
