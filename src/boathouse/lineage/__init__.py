"""Where a model version comes from and what became of it: facts, differences, findings, pages."""
