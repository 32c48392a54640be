"""Classifiers of single cells: each fits on tables or image stacks and predicts a `blast_probability`.

The names in `__init__.pyi` are imported when they are first asked for, with the libraries behind them.
"""

import os

import lazy_loader  # type: ignore[import-untyped]

# TensorFlow greets with lines on its build and on GPUs that are not there; its errors come as exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
