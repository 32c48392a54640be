"""Classifiers of single cells: each fits on tables or image stacks and predicts a `blast_probability`."""

import os

# TensorFlow greets with lines on its build and on GPUs that are not there; its errors come as exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
