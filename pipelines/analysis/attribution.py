"""Where in the image a class comes from: CAM and Grad-CAM, and how much of it falls on the animal.

Works on every family of recipes. The map is taken from the last features that still have places: of a CNN, Swin or
ConvNeXt the last ones before pooling; of a ViT the first normalised tokens of its last block, as only the class token
goes on after that block, and the others have no gradient behind it.

Sources: Zhou et al. 2016 (CAM, arXiv 1512.04150), Selvaraju et al. 2017 (Grad-CAM, arXiv 1610.02391), Adebayo et al.
2018 (sanity checks for saliency maps, arXiv 1810.03292).
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.core.errors import InputError

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """What a map is taken from.

    Args:
        name: of the module in the network.
        form: ``chw``; ``hwc``, as timm's Swin; or ``tokens`` (N, extra + h w, C).
        extra: tokens in front that are no places.
        places: of the tokens, (h, w).
    """
    name: str
    form: str
    extra: int = 0
    places: tuple[int, int] = (0, 0)

    def spatial(self, output: Tensor) -> Tensor:
        """An output -> (N, C, h, w)."""
        if self.form == 'tokens':
            tokens = output[:, self.extra:]
            return tokens.reshape(len(tokens), *self.places, -1).permute(0, 3, 1, 2)
        return output.permute(0, 3, 1, 2) if self.form == 'hwc' else output


def tensor_of(output: Any) -> Tensor | None:
    """The last tensor of what a module gave."""
    if isinstance(output, (tuple, list)):
        return next((found for one in reversed(output) if (found := tensor_of(one)) is not None), None)
    return output if isinstance(output, torch.Tensor) else None


@contextlib.contextmanager
def recording(modules: dict[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """By module's name, what it gives in here, in the order of the calls; the last call counts."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if (tensor := tensor_of(output)) is not None:
                found.pop(name, None)
                found[name] = tensor
        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def body(network: nn.Module) -> tuple[str, nn.Module]:
    """The part with the features, and its name: mmpretrain's backbone, or timm's model."""
    for name in ('backbone.timm_model', 'backbone', 'model'):
        with contextlib.suppress(AttributeError):
            return name, network.get_submodule(name)
    raise InputError('network', expected='a classifier with a backbone', found=type(network).__name__,
                     remedy="take a recipe of mmpretrain's ImageClassifier or TimmClassifier")


def find_layer(network: nn.Module, pixels: Tensor, forward: Any) -> Layer:
    """The layer of a network that maps are taken from.

    Args:
        pixels: (1, 3, H, W), to see what the layers give.
        forward: images -> logits.
    Raises:
        InputError: no layer has places.
    """
    name, part = body(network)
    if (blocks := attention_blocks(part)) is not None:
        return _first_norm(network, name, part, blocks, pixels, forward)
    modules = {f'{name}.{child}' if child else name: module for child, module in part.named_modules()}
    with torch.no_grad(), recording(modules) as found:
        forward(pixels)
    spatial = {module: output for module, output in found.items()
               if output.ndim == 4 and min(output.shape[2:]) > 1 and min(output.shape[1:3]) > 1}
    if spatial:
        output = list(spatial.values())[-1]
        same = [module for module in spatial if spatial[module] is output]  # a stage, its last layer, what hands it on
        last = output.shape[1] == output.shape[2] and output.shape[3] == getattr(part, 'num_features', 0)
        stage = min(same, key=lambda module: (module == name, module.count('.')))  # of equals the first that was called
        return Layer(stage, 'hwc' if last else 'chw')
    raise InputError('network', expected='a layer with features that have places', found='none',
                     remedy='Grad-CAM needs one: a CNN, ViT, Swin or ConvNeXt')


def attention_blocks(part: nn.Module) -> list[nn.Module] | None:
    """The blocks of a ViT, whose tokens all attend to each other; None: of another network."""
    blocks = getattr(part, 'layers', getattr(part, 'blocks', None))
    if not isinstance(blocks, (nn.ModuleList, nn.Sequential)) or not len(blocks):
        return None
    return list(blocks) if all(isinstance(getattr(getattr(block, 'attn', None), 'qkv', None), nn.Linear)
                               for block in blocks) else None


def extra_tokens(part: nn.Module) -> int:
    """Tokens of a ViT that are no places: of classes and registers."""
    return int(getattr(part, 'num_extra_tokens', getattr(part, 'num_prefix_tokens', 1)))


def _first_norm(network: nn.Module, name: str, part: nn.Module, blocks: list[nn.Module], pixels: Tensor,
                forward: Any) -> Layer:
    kind = 'ln1' if hasattr(blocks[-1], 'ln1') else 'norm1'
    where = next(child for child, module in part.named_modules() if module is getattr(blocks[-1], kind))
    with torch.no_grad(), recording({where: getattr(blocks[-1], kind)}) as found:
        forward(pixels)
    extra = extra_tokens(part)
    count = found[where].shape[1] - extra
    if (places := grid(count, pixels)) is None:
        raise InputError('network', expected='tokens on a grid', found=f'{count} of them',
                         remedy='take a ViT without merged or dropped tokens')
    return Layer(f'{name}.{where}', 'tokens', extra, places)


def grid(count: int, pixels: Tensor) -> tuple[int, int] | None:
    """Rows and columns of so many square patches of the images; None: they are on no grid."""
    height, width = pixels.shape[2:]
    rows = max(round((count * height / width) ** 0.5), 1)
    return (rows, count // rows) if rows * (count // rows) == count else None


def enlarged(maps: Tensor, size: tuple[int, int]) -> Maps:
    """(N, h, w) -> (N, H, W) in [0, 1] by image; an empty map stays empty.

    Scaled by its smallest and largest value, and bilinear, as pytorch-grad-cam does.
    """
    import cv2

    found = []
    for one in maps.detach().float().cpu().numpy():
        one = one - one.min()
        one = cv2.resize(one / (one.max() or 1), size[::-1])
        one = one - one.min()
        found.append(one / (one.max() or 1))  # again, as between the places of a coarse map its peak is lost
    return np.stack(found).astype(np.float32)


def grad_cam(network: nn.Module, forward: Any, layer: Layer, pixels: Tensor, classes: Tensor) -> Tensor:
    """(N, h, w), not negative: features weighed by the mean gradient of a class's logit.

    Args:
        forward: images -> logits.
        classes: (N,) that are explained.
    """
    module = network.get_submodule(layer.name)
    pixels = pixels.detach().requires_grad_()
    with torch.enable_grad(), recording({layer.name: module}) as found:
        logits = forward(pixels)
        output = found[layer.name]
        gradient, = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), output)
    features, gradients = layer.spatial(output), layer.spatial(gradient)
    return (features * gradients.mean(dim=(2, 3), keepdim=True)).sum(dim=1).clamp_min(0).detach()


def cam(network: nn.Module, forward: Any, layer: Layer, pixels: Tensor, classes: Tensor) -> Tensor | None:
    """(N, h, w), not negative: features weighed by a class's own weights; None where the network has not the form that
    CAM needs, average pooling and one linear layer."""
    head = getattr(getattr(network, 'head', None), 'fc', None)
    if not isinstance(head, nn.Linear) or layer.form == 'tokens' or (
            type(getattr(network, 'neck', None)).__name__ != 'GlobalAveragePooling'):
        return None
    with torch.no_grad(), recording({layer.name: network.get_submodule(layer.name)}) as found:
        forward(pixels)
    features = layer.spatial(found[layer.name])
    if features.shape[1] != head.in_features:
        return None
    weighed = torch.einsum('nchw,nc->nhw', features, head.weight[classes])
    return weighed.clamp_min(0)


def inside(maps: Maps, animals: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of each map's energy inside the animal's box, and the box's share of the area.

    Args:
        maps: (N, H, W), not negative; an empty one has no share (NaN).
        animals: (N, H, W).
    """
    energy = maps.astype(np.float64)
    total = energy.sum(axis=(1, 2))
    share = np.divide((energy * animals).sum(axis=(1, 2)), total, out=np.full(len(maps), np.nan), where=total > 0)
    return share, animals.mean(axis=(1, 2))


def rank_correlation(maps: Maps, others: Maps) -> NDArray[np.float64]:
    """(N,) Spearman's, image by image; 0 where one of the maps is flat."""
    from scipy import stats

    found = [stats.spearmanr(one.ravel(), other.ravel()).statistic if one.std() and other.std() else 0.
             for one, other in zip(maps, others)]
    return np.array(found)


@contextlib.contextmanager
def drawn_anew(network: nn.Module, seed: int = 0) -> Iterator[None]:
    """All weights shuffled within their tensors, then as they were: a map that stays the same shows the image, not
    what was learned."""
    generator = torch.Generator().manual_seed(seed)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for value in network.parameters():
            order = torch.randperm(value.numel(), generator=generator).to(value.device)
            value.copy_(value.flatten()[order].view_as(value))
    try:
        yield
    finally:
        network.load_state_dict(kept)
