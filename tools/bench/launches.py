"""Count what a step asks of a GPU, without one: operators dispatched, and times the host waits for the device.

    python -m tools.bench.launches                                     the detector of the full profile
    python -m tools.bench.launches --config A.py --config B.py         any configs of mm_configs/
    python -m tools.bench.launches --batch 2 --batch 16 --no-stock     other batches; ours alone
    python -m tools.bench.launches --names                             and which operators, and what waits

A step is taken apart: the data preprocessor, the network (forward, losses, backward), the optimiser, and the hooks of
an iteration that logs nothing. Waits are reading a number (`item`), a result whose size depends on data (`nonzero`, a
mask as an index, `unique`, torchvision's `nms`), and copies that are waited for (`cpu`, `new_tensor`). Ours runs as
on a GPU (pipelines/openmm/detect/batched_boxes.py). Counts do not depend on the size of images: a detector sees small
ones. The data preprocessor's `item` reads sizes, which lie on the host.

The last lines are a table in Markdown.
"""
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.core.errors import command
from tools.bench import measure, train_sides
from tools.bench.measure import ROOT

DEFAULT = ROOT / 'mm_configs/detect/faster-rcnn_r101_fpn.py'
SIDE = 96  # of the detector's images, in pixels
PARTS = ('network', 'data preprocessor', 'optimiser', 'hooks')


def small(leaf: Path) -> list[str]:
    """Overrides that make a detector's images small."""
    from pipelines.openmm.engine import config

    if train_sides.stage_of(leaf) != 'detect':
        return []
    cfg = config.load(leaf, data_root=Path('.'), num_classes=train_sides.CLASSES)
    return [f'{split}_dataloader.dataset.pipeline.{number}.scale=({SIDE},{SIDE})'
            for split in ('train', 'val', 'test') if cfg.get(f'{split}_dataloader')
            for number, step in enumerate(cfg[f'{split}_dataloader'].dataset.pipeline) if 'scale' in step]


def child(job_text: str) -> dict[str, Any]:
    """Counts of one side at one batch: by phase and part, operators and waits, and their names."""
    from pipelines.openmm.engine import training
    from tools.bench.train_child import Job

    job = Job(**json.loads(job_text))
    cfg = job.config()
    if job.stock and cfg.model.get('generator'):
        from pipelines.openmm.synth import spectral_norm
        spectral_norm.uninstall()
    with tempfile.TemporaryDirectory(prefix='bench-launches-') as folder, training.quiet():
        return _count(job, cfg, Path(folder))


def _count(job: Any, cfg: Any, folder: Path) -> dict[str, Any]:
    import torch
    from mmengine import MessageHub

    from tools.bench import train_child
    from tools.bench.launch_count import Counts, counted

    runner = train_child._runner(cfg, job, folder)
    done = train_child._timed(runner.train)
    runner._hooks = [hook for hook in runner.hooks if type(hook).__name__ != 'ClockHook']
    model, wrappers, counts = runner.model, runner.optim_wrapper, Counts()
    wrappers = list(wrappers.values()) if hasattr(wrappers, 'optim_wrappers') else [wrappers]
    counts.as_part('data preprocessor', model.data_preprocessor, 'forward')
    for wrapper in wrappers:
        counts.as_part('optimiser', wrapper, 'step')
        counts.as_part('optimiser', wrapper, 'zero_grad')
    steps = {state['step'].data_ptr() for wrapper in wrappers for state in wrapper.optimizer.state.values()
             if isinstance(state.get('step'), torch.Tensor)}  # which Adam keeps on the host, unless it is fused

    def train(number: int) -> None:
        MessageHub.get_current_instance().update_info('iter', number)  # by which a GAN's generator takes its turn
        outputs = model.train_step(done.batch, optim_wrapper=runner.optim_wrapper)
        with counts.inside('hooks'):
            runner.call_hook('after_train_iter', batch_idx=0, data_batch=done.batch, outputs=outputs)

    cycle = train_child._cycle(cfg)
    for number in range(cycle):
        train(number)
    for table in (counts.operators, counts.waits):
        table.clear()
    with counted(counts, on_host=lambda tensor: tensor.data_ptr() in steps):
        for number in range(cycle):
            train(number)
    found = dict(train=_said(counts, cycle))
    if cfg.get('test_dataloader') and hasattr(model, 'test_step') and not cfg.model.get('generator'):
        model.eval()
        batch = next(iter(runner.build_dataloader(runner._test_dataloader)))
        with torch.no_grad():
            model.test_step(batch)
            for table in (counts.operators, counts.waits):
                table.clear()
            with counted(counts):
                model.test_step(batch)
        found['infer'] = _said(counts, 1)
    return found


def _said(counts: Any, steps: int) -> dict[str, Any]:
    """Per step."""
    return {part: dict(operators=round(sum(counts.operators[part].values()) / steps),
                       waits=round(sum(counts.waits[part].values()) / steps, 1),
                       names=dict(counts.operators[part].most_common(12)), waiting=dict(counts.waits[part]))
            for part in PARTS if counts.operators[part] or counts.waits[part]}


def table(found: Sequence[tuple[str, str, int, dict[str, Any]]]) -> list[str]:
    """Markdown.

    Args:
        found: name of the config, side, batch, what `child` said.
    """
    lines = ['| config | phase, part | side | batch | operators | waits |', '|---|---|---|---:|---:|---:|']
    keys = dict.fromkeys((name, phase, part) for name, _, _, said in found for phase in said for part in said[phase])
    for name, phase, part in keys:
        for other, side, batch, said in found:
            if other == name and part in said.get(phase, {}):
                numbers = said[phase][part]
                what = f'{dict(train="training", infer="inference")[phase]}, {part}'
                lines.append(f'| {name} | {what} | {side} | {batch} | {numbers["operators"]:,} '
                             f'| {numbers["waits"]:g} |')
    return lines


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m tools.bench.launches', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', type=Path, action='append', metavar='LEAF',
                        help="of mm_configs/ (default: the full profile's detector)")
    parser.add_argument('--batch', type=int, action='append', help='images of a step (default: 2 and 16)')
    parser.add_argument('--no-stock', action='store_true', help='leave the libraries\' own config out')
    parser.add_argument('--names', action='store_true', help='print which operators and waits, too')
    parser.add_argument('--child', help=argparse.SUPPRESS)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    if args.child:
        print(json.dumps(child(args.child)))
        return
    leaves = [leaf.resolve() for leaf in args.config or [DEFAULT]]
    for leaf in leaves:  # before anything is counted
        train_sides.stage_of(leaf)
        if not args.no_stock:
            train_sides.stock_of(leaf)
    found = []
    with tempfile.TemporaryDirectory(prefix='bench-launches-') as folder:
        work = Path(folder)
        train_sides.draw(work, 40, 64)
        for leaf in leaves:
            for stock in (False,) if args.no_stock else (True, False):
                for batch in args.batch or (2, 16):
                    job = dict(leaf=str(leaf), stock=stock, work=str(work), options=small(leaf), batch=batch,
                               warm_up=1, iterations=1)
                    said = measure.run('tools.bench.launches', '--child', json.dumps(job)).said
                    found.append((leaf.stem, 'stock' if stock else 'ours', batch, said))
                    print(found[-1][:3], {phase: {part: (row['operators'], row['waits']) for part, row in parts.items()}
                                          for phase, parts in said.items()}, flush=True)
                    if args.names:
                        print(json.dumps(said, indent=1), flush=True)
    print('\n'.join(table(found)))


if __name__ == '__main__':
    sys.exit(main())
