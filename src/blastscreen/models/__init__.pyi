from . import prediction, random_forest, training

__all__ = ["prediction", "random_forest", "training"]
