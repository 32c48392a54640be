from . import hybrid, prediction, random_forest, training

__all__ = ["hybrid", "prediction", "random_forest", "training"]
