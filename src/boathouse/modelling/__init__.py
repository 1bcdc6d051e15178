"""Learning: splits by time, estimators out of a closed registry, selection, calibration, threshold."""
