"""What the classification suite's short cuts save, as ratios on this machine.

    python -m tools.bench.suite frozen [--config efficientnet-lite0_probe] [--images 96] [--epochs 50]
    python -m tools.bench.suite pruned [--side 128] [--batch 8]

frozen: a probe that sees each image once, and the same loop with the backbone in every epoch. One epoch of each is
timed; a whole training is counted from them, with the time in which the vectors are computed. pruned: ResNet-50 with 0,
25, 50 and 75 % of its filters pruned, medians of rounds in turn. Seconds are of CPU time where there is no GPU, as the
ratio of two is then the same on a busy machine.
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipelines.core.errors import command
from pipelines.core.rows import Images, recipe
from tools.bench.clock import now as wall


def now() -> float:
    import torch

    return wall() if torch.cuda.is_available() else time.process_time()


def frozen(config: str, images: int, epochs: int) -> dict[str, Any]:
    """Time one epoch with images and one with vectors, on drawn pictures."""
    from mmengine.optim import build_optim_wrapper

    from pipelines.openmm.classify import frozen_features
    from pipelines.openmm.engine import devices, network
    from tools.bench import train_sides

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        train_sides.draw(work, images, 256)
        cfg = train_sides.ours(recipe(config, 'classify'), work, None, stage='classify', images=Images('square'))
        cfg.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)  # epochs that end
        model = network.build(cfg).to(devices.device())
        optimiser = build_optim_wrapper(model, cfg.optim_wrapper)
        loader = network.loader(cfg, 'train')

        def epoch(batches: Any) -> float:
            model.train()
            start = now()
            for batch in batches:
                model.train_step(batch, optimiser)
            return now() - start

        epoch(loader)
        with_backbone = epoch(loader)
        start = now()
        vectors = frozen_features.loader(cfg, 'train', model, loader)
        computed = now() - start
        epoch(vectors)
        with_vectors = statistics.median(epoch(vectors) for _ in range(5))
        count = len(vectors.dataset)
    return dict(config=config, images=count, epochs=epochs, seconds_computing=computed, seconds_epoch=with_backbone,
                seconds_epoch_kept=with_vectors, ratio_epoch=with_backbone / with_vectors,
                ratio_training=epochs * with_backbone / (computed + epochs * with_vectors))


def pruned(side: int, batch: int, rounds: int = 7) -> dict[str, Any]:
    """Time ResNet-50 without a share of its filters."""
    import torch
    import torch_pruning as tp
    from mmengine.registry import MODELS

    from pipelines.openmm.compat import scope
    scope.enter('mmpretrain')
    model = dict(backbone=dict(type='ResNet', depth=50), neck=dict(type='GlobalAveragePooling'),
                 head=dict(type='LinearClsHead', in_channels=2048, num_classes=120))
    networks = {0.: MODELS.build(dict(model, type='ImageClassifier'))}
    for ratio in (0.25, 0.5, 0.75):
        networks[ratio] = MODELS.build(dict(model, type='PrunedClassifier', parent='random', ratio=ratio))
    images = torch.randn(batch, 3, side, side)
    seconds: dict[float, list[float]] = {ratio: [] for ratio in networks}
    cost = {}
    for ratio, network in networks.items():
        network.eval()
        cost[ratio] = tp.utils.count_ops_and_params(network, images[:1])
    with torch.inference_mode():
        for number in range(rounds + 1):
            for ratio, network in networks.items():  # in turn: the machine's other work meets all alike
                start = now()
                network(images)
                seconds[ratio] += [now() - start] * bool(number)
    whole, medians = cost[0.], {ratio: statistics.median(found) for ratio, found in seconds.items()}
    return {f'{ratio:.0%}': dict(seconds=medians[ratio], faster=medians[0.] / medians[ratio],
                                 fewer_operations=whole[0] / cost[ratio][0], fewer_parameters=whole[1] / cost[ratio][1])
            for ratio in networks}


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('frozen', 'pruned'))
    parser.add_argument('--config', default='efficientnet-lite0_probe', help='of a frozen network')
    parser.add_argument('--images', type=int, default=96, help='that are drawn (default: 96)')
    parser.add_argument('--epochs', type=int, default=50, help='of the training that is counted (default: 50)')
    parser.add_argument('--side', type=int, default=128, help='of the images for the pruned networks (default: 128)')
    parser.add_argument('--batch', type=int, default=8, help='(default: 8)')
    args = parser.parse_args(argv)
    found = frozen(args.config, args.images, args.epochs) if args.what == 'frozen' else pruned(args.side, args.batch)
    print(json.dumps(found, indent=1))


if __name__ == '__main__':
    sys.exit(main())
