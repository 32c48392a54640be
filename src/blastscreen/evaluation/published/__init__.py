"""A publication's own numbers, recomputed: what agrees, what does not, and what would make it agree."""

from blastscreen.evaluation.published.check import check_published

__all__ = ["check_published"]
