"""Catalog entries of the project; each class is imported when it is first used, with what it needs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
