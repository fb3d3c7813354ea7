"""How fast a row's logits can change with its input, under L2 on pixels in [0, 1]: bounds from below and from above.

From below the largest spectral norm of the Jacobian that some images show. From above what the layers allow: the norms
of convolutions, with batch norm folded in, and linear layers, multiplied along each path and added where paths meet.
The second is loose by orders of magnitude for deep networks, and there is none for attention, whose slope has no bound.
So neither says how robust a row is.

Source: Szegedy et al. 2014, "Intriguing properties of neural networks" (arXiv 1312.6199), section 4.3.
"""
from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

_STEPS = 100
_CLOSE = 1e-7
_SAME = (nn.Identity, nn.Dropout, nn.Flatten)
_SLOPES = {nn.Identity: 1., nn.ReLU: 1., nn.ReLU6: 1., nn.LeakyReLU: 1., nn.SiLU: 1.1, nn.GELU: 1.13, nn.Hardswish: 1.5}
_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


class UnboundedError(Exception):
    """A layer without a bound."""


def local_norm(logits: Callable[[Tensor], Tensor], image: Tensor, steps: int = 20, seed: int = 0) -> float:
    """The spectral norm of the Jacobian at one image, (1, 3, H, W), by power iteration: never above it."""
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        inputs = image.detach().requires_grad_()
        scores = logits(inputs)
        dual = torch.zeros_like(scores, requires_grad=True)
        pulled, = torch.autograd.grad(scores, inputs, dual, create_graph=True)  # J^T u, linear in u
        direction = torch.randn(scores.shape, generator=torch.Generator().manual_seed(seed)).to(scores)
        length = 0.
        for _ in range(steps):
            direction = direction / direction.norm().clamp_min(1e-30)
            back, = torch.autograd.grad(scores, inputs, direction, retain_graph=True)
            length = float(back.norm())
            if not length:
                return 0.
            direction, = torch.autograd.grad(pulled, dual, back / length, retain_graph=True)  # J v
    return length


def linear_norm(apply: Callable[[Tensor], Tensor], shape: tuple[int, ...], like: Tensor) -> float:
    """The largest singular value of a linear map of tensors of a shape, by power iteration until it stands still."""
    vector = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).to(like)
    found = 0.
    with torch.enable_grad():
        for _ in range(_STEPS):
            vector = (vector / vector.norm().clamp_min(1e-30)).detach().requires_grad_()
            output = apply(vector)
            length = float(output.detach().norm())
            vector, = torch.autograd.grad(output, vector, output.detach())
            if abs(length - found) <= _CLOSE * length:
                break
            found = length
    return length


def upper(network: nn.Module, image: Tensor, scale: float) -> float:
    """What the layers allow.

    Args:
        network: of mmpretrain, in evaluation mode.
        image: (1, 3, H, W), normalised, whose shapes decide.
        scale: of the normalisation, the largest factor of a pixel in [0, 1].
    Raises:
        UnboundedError: a layer without a bound, or a network that cannot be followed.
    """
    try:
        whole = _Whole(network)
        traced = fx.GraphModule(whole, _Tracer().trace(whole))
    except Exception as error:  # whatever a network's own code does to a tracer
        raise UnboundedError(f'{type(network).__name__} cannot be traced: {type(error).__name__}') from None
    try:
        return scale * _Bounds(traced).of(image)
    except UnboundedError as error:  # the interpreter adds its own words
        raise UnboundedError(str(error).splitlines()[0]) from None


class _Whole(nn.Module):
    """A classifier of mmpretrain as a function of its input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.network(inputs) if isinstance(self.network, nn.Sequential) else self.network(
            inputs, mode='tensor')
        return found


class _Tracer(fx.Tracer):
    """Torch's own layers are leaves, and what it follows are the tuples between backbone, neck and head."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m).__name__ == 'GlobalAveragePooling' or isinstance(m, _NORMS) or (
            type(m).__module__.startswith('torch.nn') and not isinstance(m, nn.Sequential))


class _Bounds(fx.Interpreter):
    """Runs a graph on an image, and keeps a bound for every node."""

    def of(self, image: Tensor) -> float:
        self.bounds: dict[fx.Node, float] = {}
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}
        with torch.no_grad():
            self.run(image)
        node = next(node for node in self.module.graph.nodes if node.op == 'output')
        return self._largest(node)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape[1:])
        if n.op == 'placeholder':
            self.bounds[n] = 1.
        elif n.op in ('call_module', 'call_function', 'call_method'):
            self.bounds[n] = self._bound(n)
        elif n.op == 'get_attr':
            self.bounds[n] = 0.
        return result

    def _largest(self, n: fx.Node) -> float:
        return max((self.bounds[one] for one in n.all_input_nodes if one in self.bounds), default=0.)

    def _bound(self, n: fx.Node) -> float:
        before = self._largest(n)
        if n.op == 'call_module':
            return before * self._module(n, self.module.get_submodule(str(n.target)))
        if n.target in (operator.add, operator.iadd, torch.add):
            return sum(self.bounds[one] for one in n.all_input_nodes)
        if n.target in (operator.getitem, torch.flatten, nn.functional.relu, getattr, 'view', 'reshape', 'flatten',
                        'size', 'dim', 'contiguous'):
            return before
        raise UnboundedError(f'{n.target} has no bound here')

    def _module(self, n: fx.Node, layer: nn.Module) -> float:
        source = n.all_input_nodes[0]
        if isinstance(layer, _SAME):
            return 1.
        if type(layer) in _SLOPES:
            return _SLOPES[type(layer)]
        if isinstance(layer, _NORMS):
            after = _SLOPES.get(type(getattr(layer, 'act', nn.ReLU())), math.inf)  # timm's have an activation
            return after if self._folded(source) else after * float(_factor(layer).abs().max())
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            users = list(n.users)
            norm = self.module.get_submodule(str(users[0].target)) if self._folded(n) else None
            return linear_norm(lambda x: _linear(layer, norm, x), self.shapes[source], layer.weight)
        if isinstance(layer, nn.MaxPool2d):
            return _overlap(layer)
        if isinstance(layer, nn.AvgPool2d):
            size = layer.kernel_size if isinstance(layer.kernel_size, tuple) else (layer.kernel_size,) * 2
            return _overlap(layer) / math.sqrt(math.prod(size))
        if type(layer).__name__ == 'GlobalAveragePooling' or isinstance(layer, nn.AdaptiveAvgPool2d):
            height, width = self.shapes[source][-2:] if source in self.shapes else (1, 1)
            return 1 / math.sqrt(height * width)
        raise UnboundedError(f'{type(layer).__name__} has no bound here')

    def _folded(self, n: fx.Node) -> bool:
        """Whether a convolution goes into a batch norm alone."""
        users = list(n.users)
        return (n.op == 'call_module' and isinstance(self.module.get_submodule(str(n.target)), nn.Conv2d)
                and len(users) == 1 and users[0].op == 'call_module'
                and isinstance(self.module.get_submodule(str(users[0].target)), _NORMS))


def _factor(norm: Any) -> Tensor:
    found: Tensor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return found


def _linear(layer: Any, norm: Any, x: Tensor) -> Tensor:
    """A layer without its constants, and the batch norm behind it."""
    if isinstance(layer, nn.Linear):
        return nn.functional.linear(x, layer.weight)
    found = nn.functional.conv2d(x, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    return found if norm is None else found * _factor(norm).view(1, -1, 1, 1)


def _overlap(layer: Any) -> float:
    """The square root of how many windows hold one pixel."""
    pairs = [(value if isinstance(value, tuple) else (value, value)) for value in (layer.kernel_size, layer.stride)]
    return math.sqrt(math.prod(-(-kernel // stride) for kernel, stride in zip(*pairs)))
