"""What the tests of planning share: make's commands, a dataset's numbers, recipes of known speed."""
from __future__ import annotations

from pathlib import Path

from pipelines.core import json_files
from tools.planning import commands
from tools.planning.data import Data
from tools.planning.estimate import Known
from tools.planning.measured import Rates
from tools.planning.schedule import Schedule
from tools.planning.work import Work

PRINTED = """python3 -m tools.check_variables
tools/setup.sh .venv python3
.venv/bin/python -m data_converters.convert --dataset dogs --raw "$FGIC_RAW" --out {d}/convert \\
\t--verify
.venv/bin/python -m tools.lint_configs --coco {d}/convert --out {d}/check a.py
.venv/bin/python -m pipelines.detect --coco {d}/convert --out {d}/detect --config faster-rcnn_r101_fpn --gpus {gpus} \\
\t--if-boxes
.venv/bin/python -m pipelines.crop --coco {d}/convert --out {d}/crop --kinds box full square square-m30 --size 512 \\
\t$(test ! -e {d}/nothing || echo --detections {d}/nothing)
.venv/bin/python -m pipelines.synth --crops {d}/crop --out {d}/synth/biggan-deep_256px --config biggan-deep_256px \\
\t--gpus {gpus} --if-crops
.venv/bin/python -m pipelines.classify --data {d} --out {d}/classify --rows resnet50@full resnet50@square-m30 \\
\tresnet50@square+biggan-deep_256px-x50 --seeds 0 1 --skip-missing --jobs {jobs}
.venv/bin/python -m pipelines.report --work {d} --out {d}/report
"""
DATA = Data(classes=10, images=dict(train=1000, val=100, test=500), boxed=dict(train=900, val=90, test=450), width=500,
            height=375, converted=True)
DATA_RATES = dict(convert=dict(wall=0.02, cpu=0.01), crop=dict(wall=0.04, cpu=0.02), crop_bytes=dict(box=10e3,
                  square=20e3), synthetic_bytes=5e3, busy=False, threads=1)


def schedule(**changes) -> Schedule:
    usual = dict(epochs=5, iterations=None, batch=16, accumulated=1, drop_last=False, val_interval=2, val_begin=1,
                 save_interval=1, by_epoch=True, kept=2, workers=0, boxed_only=False)
    return Schedule(**{**usual, **changes})


def known(rates: Rates | None = None, **changes) -> Known:
    sizes = {name: changes.pop(name) for name in ('peak_mb', 'checkpoint_mb', 'weights_mb', 'batch_mb', 'device_mb')
             if name in changes}
    return Known(schedule(**changes), rates or Rates(train=0.5, infer=0.01, imports=4, start=2, save=0.1), **sizes)


def work(folder: Path, *, gpus: int = 1, jobs: int = 2, done: tuple[str, ...] = (), data: Data = DATA) -> Work:
    """Of a folder in which the gate has let the synthetic images in."""
    (folder / 'gate').mkdir(parents=True, exist_ok=True)
    json_files.write(folder / 'gate/gate.json', dict(kind='square', generators=[dict(
        name='biggan-deep_256px', verdict='use', why='', images='square+biggan-deep_256px-x50')]))
    return Work(commands.parse(PRINTED.format(d=folder, gpus=gpus, jobs=jobs)), data, frozenset(done), 0)
