"""Pipelines, one folder each: `nodes.py` adapts, `pipeline.py` wires."""
