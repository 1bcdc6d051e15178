"""What only the Databricks platform has."""
