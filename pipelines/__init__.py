"""The stages of the fine-grained classification pipeline, one module each."""

__version__ = '0.2.0'
