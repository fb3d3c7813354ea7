"""Numbers and results in words."""
from __future__ import annotations

from collections.abc import Mapping

from pipelines.reporting.found import STAGES

MINUS = '\u2212'
MARKS = {'better': '▲', 'worse': '▼', 'no gain shown': '●'}


def percent(share: float | None, digits: int = 1) -> str:
    """0.9345 -> 93.5"""
    return '–' if share is None else f'{100 * share:.{digits}f}'


def points(share: float) -> str:
    """0.063 -> +6.3, with a true minus sign; what rounds to nothing has no sign."""
    text = f'{100 * share:+.1f}'
    return '0.0' if text[1:] == '0.0' else text.replace('-', MINUS)


def listing(items: list[str]) -> str:
    """a; a and b; a, b and c"""
    return items[0] if len(items) == 1 else ', '.join(items[:-1]) + ' and ' + items[-1]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gains(rows: list[Mapping]) -> str:
    return listing([f'{row["title"]} ({points(row["difference"]["value"])})' for row in rows])


def headline(table: Mapping) -> tuple[str, str]:
    """The result in one line, and what is behind it in a few short sentences."""
    rows = [row for row in table['rows'] if row['difference']]
    title = next(row['title'] for row in table['rows'] if row['name'] == table['reference'])
    if not rows:
        return f'Only {title} has been trained', 'There is nothing to compare it with yet.'
    rows.sort(key=lambda row: -row['difference']['value'])
    better, worse, unsure = ([row for row in rows if row['difference']['verdict'] == verdict]
                             for verdict in ('better', 'worse', 'no gain shown'))
    details = [f'{len(better)} of {len(rows)} changes helped.']
    if better:
        low, high = better[0]['difference']['interval']
        first = _sentence(f'{better[0]["title"]}: {points(better[0]["difference"]["value"])} points over {title}')
        details.insert(0, f'95 % interval {points(low)} to {points(high)}.')
        if better[1:]:
            details.append(f'Also better: {_gains(better[1:])}.')
    else:
        first = f'No change is shown to help over {title}'
    if unsure:
        details.append(f'No gain shown: {_gains(unsure)}.')
    if worse:
        details.append(f'Worse: {_gains(worse)}.')
    return first, ' '.join(details)


def synthesis(metrics: Mapping) -> list[str]:
    """What the quality figures of the synthetic images mean."""
    tested, quality = metrics['train_on_synthetic'], metrics['precision_recall']
    sentences = [
        f'A classifier ({tested["classifier"]}) trained on synthetic images alone gets {percent(tested["top1"])} % of '
        f'the real {tested["evaluated_on"]} images right; trained on real images {percent(tested["real_top1"])} %, by '
        f'chance {percent(tested["chance"])} %.',
        f'Precision {quality["precision"]:.2f}: this share of synthetic images lies among the real ones. Recall '
        f'{quality["recall"]:.2f}: this share of real images lies among the synthetic ones ({quality["k"]} nearest '
        f'neighbours, {quality["real"]} real and {quality["synthetic"]} synthetic images, features: '
        f'{quality["feature_space"]}).']
    if metrics['fid'] is not None:
        sentences.append(f'FID {metrics["fid"]:.1f}.')
    return [*sentences, metrics['fid_note']] if metrics['fid_note'] else sentences


def confused_pairs(classes: list[str], confusion: list[list[int]], most: int = 10) -> list[dict]:
    """The most frequent mistakes: ``true``, ``predicted``, ``count`` and its ``share`` of the true class."""
    pairs = [dict(true=classes[i], predicted=classes[j], count=count, share=count / sum(row))
             for i, row in enumerate(confusion) for j, count in enumerate(row) if i != j and count]
    return sorted(pairs, key=lambda pair: (-pair['count'], -pair['share']))[:most]


_FOLDERS = {
    'convert': '--raw RAW --out WORK/convert',
    'detect': '--coco WORK/convert --out WORK/detect',
    'crop': '--coco WORK/convert --detections WORK/detect/detections.json --out WORK/crop',
    'synth': '--crops WORK/crop --out WORK/synth',
    'classify': '--data WORK --out WORK/classify',
}


def _flags(parameters: Mapping) -> list[str]:
    flags = []
    for name, value in sorted(parameters.items()):
        if name.endswith('_sha256') or name in ('titles', 'compared_with'):
            continue
        flag = f'--{name.replace("_", "-")}'
        if isinstance(value, Mapping):
            value = ','.join(f'{key}={entry}' for key, entry in value.items())
        if isinstance(value, (list, tuple)):
            value = ' '.join(str(entry) for entry in value)
        if value is True:
            flags.append(flag)
        elif value is not None and value is not False and value != '':
            flags.append(f'{flag} {value}')
    return flags


def commands(manifests: Mapping[str, Mapping]) -> list[dict]:
    """For every stage that has a manifest, in order: ``folder`` and ``command``, with the recorded parameters.

    RAW and WORK stand for the folders, which no manifest records.
    """
    modules = {stage: f'pipelines.{stage}' for stage in STAGES} | {'convert': 'data_converters.convert'}
    return [dict(folder=stage, command=' '.join(['python -m', modules[stage], _FOLDERS[stage],
                                               *_flags(manifests[stage]['parameters'])]))
            for stage in STAGES if stage in manifests]


def make_line(dataset: str, manifests: Mapping[str, Mapping]) -> str:
    """The make command that gives these results: with the configs and seeds of the stages that have run."""
    parameters = {stage: content['parameters'] for stage, content in manifests.items()}
    words = [f'DATASET={dataset}', *([] if dataset.startswith('toy-') else ['RAW=RAW'])]
    words += [f'{name}={parameters[stage]["config"]}' for stage, name in (('detect', 'DETECT_CONFIG'),
                                                                         ('synth', 'SYNTH_CONFIG'))
              if 'config' in parameters.get(stage, {})]
    words += [f'{name.upper()}="{" ".join(map(str, parameters["classify"][name]))}"' for name in ('rows', 'seeds')
              if name in parameters.get('classify', {})]
    return ' '.join(['make report', *words])


def versions(manifests: Mapping[str, Mapping]) -> dict[str, str]:
    """By distribution, every version that the manifests record (several only where stages were run apart)."""
    found: dict[str, set[str]] = {}
    for content in manifests.values():
        for name, version in content['versions'].items():
            found.setdefault(name, set()).add(version)
    return {name: ', '.join(sorted(found[name])) for name in sorted(found)}
