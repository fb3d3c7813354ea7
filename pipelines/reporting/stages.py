"""The results of the pipeline's own stages, which several sections read; an analysis declares its own."""
from __future__ import annotations

from pipelines.core import workspace
from pipelines.reporting.found import Result


def _result(name: str, options: str, keys: tuple[str, ...], **more: tuple) -> Result:
    """Args:
        options: that name the folders a stage reads.
    """
    stage = workspace.STAGES[name]
    files = (f'{name}/{stage.result}', *([f'{name}/*/{stage.result}'] if stage.several else []))  # or of one recipe
    return Result(name, files, keys, stage.module, f'python -m {stage.module} {options} --out {{folder}}', **more)


CONVERT = _result('convert', '--raw RAW', (
    'dataset', 'layout', 'classes', 'splits', 'drawn', 'dropped', 'remarks', 'duplicates'))
DETECT = _result('detect', '--coco WORK/convert', ('config', 'class_agnostic', 'best_epoch', 'splits'),
                 beside=('sheet_*.jpg',))
CROP = _result('crop', '--coco WORK/convert', ('mode_counts', 'parameters'), beside=('*_*.json',),
               by_input=(('detect/detections.json', '--detections WORK/detect/detections.json'),))
SYNTH = _result('synth', '--crops WORK/crop', (
    'config', 'iterations', 'images_per_class', 'resolution', 'figures', 'signs', 'classifier', 'steps', 'seeds',
    'chance', 'fid_note', 'classes'), beside=('grid_*.jpg', 'nearest.jpg'),
    by_input=(('weights', '--weights WEIGHTS'), ('inception', '--inception INCEPTION')))
CLASSIFY = _result('classify', '--data WORK', (
    'classes', 'seeds', 'reference', 'headline', 'split', 'family', 'rows', 'comparisons', 'missing', 'changes'))
ALL = (CONVERT, DETECT, CROP, SYNTH, CLASSIFY)
