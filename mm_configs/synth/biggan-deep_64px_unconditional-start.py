"""BigGAN-deep at 64 px, unconditional start.

Classes come in between two iterations (Shahbazi et al. 2022, arXiv 2201.06578).
"""
_base_ = './biggan-deep_64px.py'
model = dict(type='FewImagesBigGAN', conditional_from=600, conditional_to=1200)
