"""Recombination.

The animal of one train image in the scene of another (after Dwibedi et al. 2017, arXiv 1708.01642): cut out by GrabCut
in its box, scaled and flipped; the scene's own animals are inpainted. Nothing is trained. Measured: docs/benchmarks.md.
"""
default_scope = 'mmagic'
sampling = dict(type='Recombination', longer=(0.7, 0.95), shift=0.08, flip=0.5)
