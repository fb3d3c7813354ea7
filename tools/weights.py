"""Which pretrained weights there are, which of them are on this machine, and where the others can be had.

    python -m tools.weights                              list them
    python -m tools.weights NAME ...                     fetch some, e.g. before going to a machine without a network
    python -m tools.weights NAME --sha256 HEX            the same, of a file whose SHA-256 nobody publishes
    python -m tools.weights NAME --accept                take the file as it comes

Files go to the cache (~/.cache/fgic/weights) unless they are in the mirror folder (FGIC_WEIGHTS). A stated or accepted
SHA-256 is written beside the file (FILE.sha256); the file is checked against it from then on, and can be copied with it
into a mirror folder. Nothing is fetched by a training whose SHA-256 is not known in one of these ways.
"""
from __future__ import annotations

import argparse
import sys

from pipelines.core.errors import InputError, command
from pipelines.openmm.weights import loading as weights
from pipelines.openmm.weights.table import TABLE


def state(name: str) -> tuple[str, str, str]:
    """Of a name: ``here``, ``wrong`` or ``not here``; the file or its source; what to type, where that is needed."""
    row, path = TABLE[name], weights.present(name)
    statement = f'python -m tools.weights {name} --sha256 HEX (or --accept)'
    if path is None and row.package:
        return 'not here', f'package {row.package}', weights.REINSTALL
    if path is None and not row.urls:
        return 'not here', f'{row.file} in the folder that WEIGHTS gives (docs/weights.md)', ''
    digest = weights.stated(name, path or weights.folders()[-1] / row.file)
    if path is None:
        return 'not here', row.urls[0], '' if digest else statement
    if not digest:
        return 'wrong', f'{path}: its SHA-256 was not stated', statement
    try:
        weights.check_file(name, path, digest)
    except InputError as error:
        return 'wrong', f'{path}: expected SHA-256 {digest}, found {error.parts["found"]}', error.parts['remedy']
    return 'here', str(path), ''


@command
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog='python -m tools.weights', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='(default: list all)')
    known = parser.add_mutually_exclusive_group()
    known.add_argument('--sha256', metavar='HEX', help='that the file of one name has to have')
    known.add_argument('--accept', action='store_const', const='', dest='sha256',
                       help='whatever SHA-256 the file turns out to have')
    args = parser.parse_args(argv)
    if args.sha256 is not None and len(args.names) != 1:
        raise InputError('--sha256, --accept', expected='one NAME', found=f'{len(args.names)} of them',
                         remedy='fetch one by one')
    if args.sha256 and (len(args.sha256) != 64 or set(args.sha256.lower()) - set('0123456789abcdef')):
        raise InputError('--sha256', expected='64 hex digits', found=args.sha256, remedy='copy all of it')
    for name in args.names:
        print(f'{name:30}{weights.fetch(name, args.sha256 and args.sha256.lower())}')
    if not args.names:
        for name in TABLE:
            found, where, remedy = state(name)
            print(f'{name:30}{found:10}{where}' + (f'\n{"":40}{remedy}' if remedy else ''))


if __name__ == '__main__':
    sys.exit(main())
