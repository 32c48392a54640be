"""Figures of results. Every function returns its figure; only the catalog saves one."""
