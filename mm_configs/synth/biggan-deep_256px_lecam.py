"""BigGAN-deep at 256 px, LeCam.

Regularised by LeCam (Tseng et al. 2021, arXiv 2104.03310) beside DiffAugment.
"""
_base_ = './biggan-deep_256px.py'
model = dict(type='FewImagesBigGAN', lecam_weight=0.3, lecam_start=2000)
