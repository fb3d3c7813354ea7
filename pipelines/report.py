"""One static HTML page of everything that has run: what helped, by how much, and how surely.

    python -m pipelines.report --work work_dirs/toy-dogs --out work_dirs/toy-dogs/report

Reads the results of convert, detect, crop, synth, classify and the trainings in models/ (docs/formats.md). A stage
that has not run yet is shown as such, with the command that runs it. The page needs no network: pictures, plots and
style are inside index.html.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines.core import manifest
from pipelines.core.errors import command


def report(work: Path, out: Path) -> bool:
    """Write ``index.html``.

    Args:
        work: WORK/<dataset>, the folder that holds the stages' folders.
        out: the result's folder.
    Returns:
        whether anything was written; False where the page is up to date.
    Raises:
        InputError: no stage has run, or a result cannot be read.
    """
    from pipelines.reporting import page

    def build(folder: Path) -> None:
        (folder / 'index.html').write_text(page.html(work), encoding='utf-8')

    manifest.check_chain(work, 'classify', 'crop', 'detect', *(f'synth/{path.parent.name}' for path in work.glob(
        f'synth/*/{manifest.NAME}')))
    return manifest.produce(out, 'report', page.parameters(work), page.inputs(work), build, quick=True,
                            packages=('jinja2', 'matplotlib', 'pillow'))


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m pipelines.report', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, required=True, help='WORK/<dataset>: holds convert/, detect/, ...')
    parser.add_argument('--out', type=Path, help='default: report/ in the work folder')
    args = parser.parse_args(argv)
    out = args.out or args.work / 'report'
    report(args.work, out)
    print(f'[report] open {out / "index.html"}')


if __name__ == '__main__':
    sys.exit(main())
