"""One training run through mmengine's Runner, for every library and stage."""
from __future__ import annotations

import contextlib
import copy
import functools
import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipelines.core import machine
from pipelines.core.errors import InputError
from pipelines.core.manifest import LOGS
from pipelines.openmm.engine import devices, threads

if TYPE_CHECKING:
    from mmengine import Config
    from mmengine.runner import Runner


def prepare(cfg: Config, folder: Path, *, seed: int, title: str = 'train') -> Config:
    """Set in a config what a run decides: where it writes, its seed, and the hooks every run has.

    Args:
        cfg: as loaded by `config.load`.
        folder: gets ``metrics.jsonl``; checkpoints, log files and TensorBoard events go to its ``logs/``.
        seed: of python, numpy, torch and the sampler.
        title: of the progress bar.
    """
    from pipelines.openmm.engine import hooks, seconds_hook  # noqa: F401 (they register themselves, as in compat.scope)
    from pipelines.openmm.weights import fit  # noqa: F401

    cfg.work_dir = str(folder / LOGS)
    cfg.experiment_name = cfg.get('experiment_name') or 'run'
    cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
    cfg.resume = True
    cfg.log_level = cfg.get('log_level') or 'INFO'
    cfg.visualizer = _visualizer(cfg.get('visualizer'))
    default = cfg.setdefault('default_hooks', {})
    default.checkpoint = dict(default.get('checkpoint') or dict(interval=1), type='mmengine.SafeCheckpointHook')
    interval = (default.get('logger') or {}).get('interval', 10)
    own = [dict(type='mmengine.MetricsHook', path=str(folder / 'metrics.jsonl'), interval=interval),
           dict(type='mmengine.ProgressHook', title=title), dict(type='mmengine.StartHook'), dict(type='SecondsHook'),
           dict(type='SyncBuffersHook')]  # or each process validates with batch statistics of its own
    names = {hook['type'] for hook in own}  # a config.py has them already
    asked = [hook for hook in cfg.get('custom_hooks') or [] if hook['type'] not in names]
    cfg.custom_hooks = [*asked, *own]
    return cfg


def _visualizer(asked: dict | None) -> dict:
    """What a config asks for, and TensorBoard."""
    found = dict(asked or dict(type='Visualizer'))
    backends = [dict(backend) for backend in found.get('vis_backends') or []]
    if not any(backend['type'].endswith('TensorboardVisBackend') for backend in backends):
        backends.append(dict(type='TensorboardVisBackend'))
    return dict(found, vis_backends=backends)


def train(cfg: Config, folder: Path, *, seed: int, title: str = 'train', gpus: int = 1,
          parents: Mapping[str, Path] | None = None) -> dict[str, Any]:
    """Train, or go on training, into a folder.

    Args:
        cfg: as loaded by `config.load`.
        folder: gets ``model.pth``, ``config.py``, ``metrics.jsonl`` and ``logs/``; an interrupted run in it is resumed
            from its last checkpoint.
        gpus: more than one: through torchrun, one process each.
        parents: ``model.pth`` of the rows that it starts from, as `weights.parents` names them.
    Returns:
        ``best_epoch``, ``best_score`` and ``best_metric`` where the config chooses by validation, else empty.
    """
    from pipelines.openmm.weights import parents as other_rows

    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    (folder / 'config.py').write_text(_portable(prepare(copy.deepcopy(cfg), folder, seed=seed), folder))
    prepare(cfg, folder, seed=seed, title=title)
    other_rows.resolve(cfg, parents or {})
    if gpus > 1:
        cfg.dump(folder / LOGS / 'launch.py')
        _launch(folder / LOGS / 'launch.py', gpus)
    else:
        run(cfg)
    return finish(folder) if int(os.environ.get('RANK', 0)) == 0 else {}


def _portable(cfg: Config, folder: Path | None = None) -> str:
    """A config's text, in which the data's place is a variable again: the same text wherever the data lie.

    The libraries' own APIs read it, too: it names the modules of ours that they have to import.

    Args:
        cfg: as it runs.
        folder: of the training: its paths are relative to that.
    """
    from mmengine import Config

    from pipelines.openmm.compat import scope

    def replaced(node: Any) -> Any:  # before the text is laid out: line breaks depend on lengths
        if isinstance(node, dict):
            return {key: replaced(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(map(replaced, node))
        if not isinstance(node, str):
            return node
        node = node.replace(f'{folder}/', '') if folder else node
        if 'data_root' not in cfg or node != root and not node.startswith(f'{root}/'):
            return node  # '.' is a folder, too
        return '{{$FGIC_DATA_ROOT:.}}' + node[len(root):]

    root = str(cfg.get('data_root'))
    content = replaced(cfg.to_dict())
    if 'default_scope' in content:
        content['custom_imports'] = scope.custom_imports(content['default_scope'], content.get('custom_imports', {}))
    return Config(content).pretty_text


def _launch(config: Path, processes: int) -> None:
    """Run `main` in so many processes, through torchrun, which starts them again when one dies.

    Raises:
        InputError: fewer GPUs than processes, or processes that failed too often.
    """
    devices.check(processes)
    torchrun = subprocess.Popen([sys.executable, '-m', 'torch.distributed.run', '--standalone',
                                 f'--nproc-per-node={processes}',
                                 f'--max-restarts={machine.number("RESTARTS", 3, low=0)}',
                                 '-m', 'pipelines.openmm.engine.training', str(config)],
                                preexec_fn=functools.partial(machine.die_with_parent, os.getpid()),
                                env={**os.environ, 'TORCH_DISABLE_SHARE_RDZV_TCP_STORE': '1'})  # see tools/launch.sh
    try:
        status = torchrun.wait()
    except KeyboardInterrupt:
        torchrun.wait(timeout=60)  # it had the same signal, and stops its processes before it ends
        raise
    if status:
        raise InputError(config.parent, expected='a training that ends', found=f'torchrun ended with status {status}',
                         remedy='the first error is above and in the log file there; the same command goes on')


def build_runner(cfg: Config) -> Runner:
    """mmengine's Runner for a config; in a process group where torchrun started the process, by gloo without a GPU."""
    import torch

    from pipelines.openmm.engine import network, speed

    cfg.launcher = 'pytorch' if 'LOCAL_RANK' in os.environ else 'none'
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')  # mmengine's own would ask for a GPU
        wrapper = cfg.get('model_wrapper_cfg') or dict(type='MMDistributedDataParallel', broadcast_buffers=False)
        cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
    if cfg.launcher == 'pytorch':
        for evaluator in (cfg.get('val_evaluator'), cfg.get('test_evaluator')):
            for metric in evaluator if isinstance(evaluator, list) else [evaluator or {}]:
                metric['collect_device'] = 'gpu'  # by the process group; else in files in the working directory
    if not torch.cuda.is_available():
        torch.set_num_threads(threads.asked() or torch.get_num_threads())
    for split in ('train', 'val', 'test'):
        if cfg.get(f'{split}_dataloader'):
            cfg[f'{split}_dataloader'] = speed.loader(cfg[f'{split}_dataloader'])
    return network.NetworkRunner.from_cfg(cfg)


def leave() -> None:
    """End a process that torchrun started, without taking the interpreter down.

    A thread of torch that asks for Python's lock while the interpreter ends is stopped amid C++ code: the likely cause
    of processes that ended with SIGABRT after a complete training (docs/decisions.md).
    """
    if 'LOCAL_RANK' in os.environ:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The libraries print pages; all but pycocotools' words is in the log file too. Progress bars are on stderr."""
    with contextlib.redirect_stdout(_nowhere()):
        yield


@functools.cache
def _nowhere() -> IO[str]:
    """Never closed: a logger that the libraries make meanwhile keeps it for good."""
    return open(os.devnull, 'w')


def run(cfg: Config) -> None:
    """Build the Runner and train."""
    from pipelines.openmm.weights import fit as weight_fit

    if cfg.get('load_from') and cfg.get('resume'):  # mmengine would resume from `load_from`
        cfg.resume = (Path(cfg.work_dir) / 'last_checkpoint').exists()
        cfg.load_from = None if cfg.resume else cfg.load_from
    with quiet():
        runner = build_runner(cfg)
        weight_fit.check_fit(getattr(runner.model, 'module', runner.model))
        runner.train()


def finish(folder: Path) -> dict[str, Any]:
    """Write ``model.pth``: weights, the best on val where the config chooses by val, else the last, and class names."""
    import torch

    from pipelines.openmm.engine import checkpoints

    checkpoint, said = checkpoints.chosen(folder / LOGS)
    packed, classes = io.BytesIO(), checkpoint['meta'].get('dataset_meta', {}).get('classes')
    meta = dict(dataset_meta=dict(classes=list(classes))) if classes else {}  # the libraries' own APIs look there
    torch.save(dict(meta=meta, state_dict={name: value.clone() for name, value in checkpoint['state_dict'].items()}),
               packed)
    checkpoints.AtomicLocalBackend().put(packed.getbuffer(), folder / 'model.pth')
    return said


def main() -> None:
    from mmengine import Config

    from pipelines.openmm.compat import scope

    machine.die_with_parent()  # torchrun, which is killed with the command that started it
    cfg = Config.fromfile(sys.argv[1])
    scope.enter(cfg.default_scope)
    run(cfg)
    leave()


if __name__ == '__main__':
    main()
