"""Classifiers of single cells: each fits on tables or image stacks and predicts a `blast_probability`."""
