"""BigGAN-deep at 256 px, unconditional start.

Classes come in between two iterations (Shahbazi et al. 2022, arXiv 2201.06578).
"""
_base_ = './biggan-deep_256px.py'
model = dict(type='FewImagesBigGAN', conditional_from=20_000, conditional_to=40_000)
