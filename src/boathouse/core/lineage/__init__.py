"""Where a model version comes from and what became of it: facts, differences, findings, pages."""

from boathouse.core.lineage.facts import (
    Artefact,
    CodeFacts,
    FeatureFact,
    RunFacts,
    SurroundingFacts,
    TableFact,
    VersionFacts,
)

__all__ = ["Artefact", "CodeFacts", "FeatureFact", "RunFacts", "SurroundingFacts", "TableFact", "VersionFacts"]
