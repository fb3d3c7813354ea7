"""Detector, crops and classifiers as one, on pictures in memory."""
