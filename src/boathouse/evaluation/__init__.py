"""How good a model is: metrics with intervals, by slice, against champion and baseline."""
