"""DenseNet-121 at 64 px, plateau schedule.

The rate falls to a fifth where val's top-1 has not risen in two validations, instead of along a cosine.
"""
_base_ = './densenet121_64px.py'
param_scheduler = dict(_delete_=True, type='ReduceOnPlateauLR', monitor='accuracy/top1', rule='greater', factor=0.2,
                       patience=2)
