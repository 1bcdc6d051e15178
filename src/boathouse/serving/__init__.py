"""The endpoint: a server of models that takes and answers what MLflow's does. Needs no Spark and no pandas to start."""
