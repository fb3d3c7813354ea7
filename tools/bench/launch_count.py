"""Operators that torch dispatches, and times the host waits for a device, counted while a network runs on a CPU.

On a GPU each operator costs the host some microseconds, and at each wait the device runs dry. Both can be counted
without one: what is dispatched is the same, and what waits is known by name.
"""
from __future__ import annotations

import contextlib
import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Results whose size, or that themselves, the host reads. Of an index or a store: where a mask says which elements.
WAITING = {'_local_scalar_dense': 'item', 'is_nonzero': 'item', 'equal': 'equal', 'nonzero': 'nonzero',
           'masked_select': 'mask', 'index': 'mask', 'index_put': 'mask', 'index_put_': 'mask', '_unique2': 'unique',
           'unique_dim': 'unique', 'unique_consecutive': 'unique', 'nms': 'nms', 'bincount': 'bincount',
           'repeat_interleave': 'repeat_interleave', 'randperm': 'randperm'}
COPYING = {Tensor.cpu: 'cpu', Tensor.tolist: 'tolist', Tensor.new_tensor: 'new_tensor'}  # to the host, or from it
NO_WORK = {'lift_fresh'}  # a value of the host becomes a tensor


@dataclass
class Counts:
    """By part of a step: operators by name, and waits by what waits."""
    operators: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    waits: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    part: str = 'network'

    @contextlib.contextmanager
    def inside(self, part: str) -> Iterator[None]:
        """What is counted in here belongs to a part."""
        outer, self.part = self.part, part
        try:
            yield
        finally:
            self.part = outer

    def as_part(self, part: str, owner: Any, name: str) -> None:
        """What a method of an object does from now on belongs to a part."""
        method = getattr(owner, name)

        @functools.wraps(method)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.inside(part):
                return method(*args, **kwargs)

        setattr(owner, name, counted)

    def totals(self) -> dict[str, tuple[int, int]]:
        return {part: (sum(self.operators[part].values()), sum(self.waits[part].values()))
                for part in {*self.operators, *self.waits}}


class _Operators(TorchDispatchMode):
    def __init__(self, counts: Counts, on_host: Callable[[Tensor], bool]) -> None:
        super().__init__()
        self.counts, self.on_host = counts, on_host

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name, counts = func._overloadpacket.__name__, self.counts
        if name not in NO_WORK:
            counts.operators[counts.part][name] += 1
        if name in WAITING and self._waits(name, func, args):
            counts.waits[counts.part][WAITING[name]] += 1
        return func(*args, **(kwargs or {}))

    def _waits(self, name: str, func: Any, args: tuple) -> bool:
        if name.startswith('index'):
            masks = any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
            return masks and (name == 'index' or args[2].numel() > 1)  # one value is filled in without asking where
        if name == '_local_scalar_dense':
            return not self.on_host(args[0])
        return name != 'repeat_interleave' or func._overloadname == 'Tensor'


class _Copies(TorchFunctionMode):
    """Calls that wait on a GPU and dispatch nothing on a CPU."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self.counts = counts
        self.on_host: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func in COPYING and not (func is Tensor.tolist and id(args[0]) in self.on_host):
            self.counts.waits[self.counts.part][COPYING[func]] += 1
        result = func(*args, **(kwargs or {}))
        if func is Tensor.cpu:
            self.on_host.add(id(result))
        return result


@contextlib.contextmanager
def counted(counts: Counts | None = None, *, on_host: Callable[[Tensor], bool] = lambda tensor: False
            ) -> Iterator[Counts]:
    """Count what runs in here, backward passes included.

    Args:
        on_host: of a tensor that is read: whether it would be the host's on a GPU, too.
    """
    from pipelines.openmm.detect.batched_boxes import as_on_gpu

    counts = counts or Counts()
    with as_on_gpu(), torch.compiler.set_stance('force_eager'), _Operators(counts, on_host), _Copies(counts):
        yield counts
