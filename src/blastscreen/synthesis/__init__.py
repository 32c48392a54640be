"""Draws cells from a seed that look like those of C-NMC 2019: no patient is behind any of them."""
