"""Pretrained weights: what there are, how they are loaded and converted, and whether they fit."""
