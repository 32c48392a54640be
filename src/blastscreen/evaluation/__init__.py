"""What predictions are worth: rates, curves and intervals, the same for every model."""
