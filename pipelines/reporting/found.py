"""What the stages left in a WORK/<dataset> folder: read, checked for the keys the page shows, None where not run."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.core import coco, lineage, manifest
from pipelines.core.errors import InputError

STAGES = ('convert', 'detect', 'crop', 'synth', 'classify')
_RESULTS = {  # the file that says that a stage has run, and the keys the page needs of it
    'convert': ('summary.json', ('dataset', 'classes', 'splits', 'dropped')),
    'detect': ('metrics.json', ('config', 'class_agnostic', 'best_epoch', 'splits')),
    'crop': ('summary.json', ('mode_counts', 'parameters')),
    'synth': ('metrics.json', ('config', 'iterations', 'images_per_class', 'resolution', 'train_on_synthetic',
                               'precision_recall', 'fid', 'fid_note')),
    'classify': ('table.json', ('classes', 'seeds', 'reference', 'rows', 'comparisons')),
}
_PICTURES = {'detect': ('sheet_best.jpg', 'sheet_worst.jpg'), 'synth': ('grid_real.jpg', 'grid_synthetic.jpg')}
_MODES = ('full', 'box', 'square')


@dataclass(frozen=True)
class Model:
    """One training.

    Args:
        name: its folder below ``models/``: ``detect``, ``synth`` or ``classify/<row>-seed<k>``.
        metrics: the lines of ``metrics.jsonl``.
        config: the text of ``config.py``.
    """
    name: str
    metrics: list[dict]
    config: str

    @property
    def stage(self) -> str:
        return self.name.split('/')[0]

    @property
    def row(self) -> str:
        """``classify/box-seed1`` -> ``box``."""
        return self.name.rpartition('/')[2].rpartition('-seed')[0] or self.name


@dataclass(frozen=True)
class Found:
    """Args:
        results: by stage, the content of its result file; None where it has not run.
        lists: by mode and split, crop's annotation lists; empty where crop has not run.
        models: every training, by folder name.
        manifests: by folder relative to the root, the manifest in it.
    """
    root: Path
    results: dict[str, dict | None]
    lists: dict[tuple[str, str], list[dict]]
    models: list[Model]
    manifests: dict[str, dict]

    @property
    def dataset(self) -> str:
        return (self.results['convert'] or {}).get('dataset', self.root.name)


def _model_folders(root: Path) -> list[Path]:
    """Folders of finished trainings: their parts under way, in hidden folders, are not."""
    models = root / 'models'
    found = [path.parent.relative_to(models) for path in models.glob('**/metrics.jsonl')]
    return [models / path for path in sorted(found)
            if not any(part.startswith('.') or part == manifest.LOGS for part in path.parts)]


def inputs(root: Path) -> dict[str, Path]:
    """Every file the page is made of that is there, by its path relative to the root.

    Raises:
        InputError: not one stage has run.
    """
    wanted = []
    for stage in STAGES:
        if (root / stage / _RESULTS[stage][0]).exists():
            wanted += [root / stage / name for name in (_RESULTS[stage][0], manifest.NAME, *_PICTURES.get(stage, ()))]
            if stage == 'crop':
                wanted += [root / stage / f'{mode}_{split}.json' for mode in _MODES for split in coco.SPLITS]
    if not wanted:
        raise InputError(root, expected='the results of at least one stage', found='none',
                         remedy='run a stage first: make convert, or name the right folder with --work')
    for folder in _model_folders(root):
        wanted += [folder / 'metrics.jsonl', folder / 'config.py', folder / manifest.NAME]
    return {path.relative_to(root).as_posix(): path for path in wanted if path.exists()}


def _json(path: Path, stage: str, keys: tuple[str, ...] = ()) -> dict:
    remedy = f'never edit results by hand; remove its folder and run make {stage}'
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise InputError(path, expected='JSON', found=str(error), remedy=remedy) from None
    lacking = [key for key in keys if key not in content]
    if lacking:
        raise InputError(path, expected=f'the keys {", ".join(keys)}', found=f'no {", ".join(lacking)}', remedy=remedy)
    return content


def _model(root: Path, folder: Path) -> Model:
    name, path, config = folder.relative_to(root / 'models').as_posix(), folder / 'metrics.jsonl', folder / 'config.py'
    rows = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            raise InputError(f'{path}:{number}', expected='a JSON object', found=repr(line[:40]),
                             remedy=f'remove {folder} and run make {name.split("/")[0]}') from None
    return Model(name, rows, config.read_text(encoding='utf-8') if config.exists() else '')


def read(root: Path) -> Found:
    """Read everything `inputs` names, pictures aside.

    Raises:
        InputError: a damaged file, or one of another format.
    """
    present = inputs(root)
    results = {stage: _json(root / stage / name, stage, keys) if f'{stage}/{name}' in present else None
               for stage, (name, keys) in _RESULTS.items()}
    lists = {(mode, split): lineage.read_list(root / 'crop' / f'{mode}_{split}.json')[1]
             for mode in _MODES for split in coco.SPLITS if f'crop/{mode}_{split}.json' in present}
    manifests = {name.rpartition('/')[0]: _json(path, name.split('/')[-2], ('stage', 'parameters', 'versions'))
                 for name, path in present.items() if path.name == manifest.NAME}
    models = [_model(root, folder) for folder in _model_folders(root)]
    return Found(root, results, lists, [model for model in models if _is_part(model, results)], manifests)


def _is_part(model: Model, results: dict[str, dict | None]) -> bool:
    """Whether the results were made with this training; models of other configs, rows and seeds are kept beside it."""
    result = results.get(model.stage)
    if result is None:
        return True
    if model.stage == 'classify':
        return any(f'{row["name"]}-seed{seed}' == model.name.split('/')[-1]
                   for row in result['rows'] for seed in result['seeds'])
    return Path(result['config']).stem == model.name.split('/')[-1]
