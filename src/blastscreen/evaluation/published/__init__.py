"""A publication's own numbers, recomputed: what agrees, what does not, and what would make it agree."""
