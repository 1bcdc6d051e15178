"""Pure functions and frozen results; knows no kedro, mlflow, databricks or omegaconf."""
