"""The data contract: what a source promises, in the Open Data Contract Standard v3.1.0."""
