"""What happens around a run: refusals, the record, the screen, explanations."""
