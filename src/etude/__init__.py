"""A learning-rate workbench for PyTorch."""

__version__ = "0.1.0"
