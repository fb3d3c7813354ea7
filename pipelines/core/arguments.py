"""Numbers on a command line: what is outside of their range ends in words, before anything is done."""
from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A type for argparse: a whole number from ``low`` to ``high``, both included; None: without an end."""
    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or high is not None and number > high:
            end = 'or more' if high is None else f'to {high}'
            raise argparse.ArgumentTypeError(f'expected a whole number, {low} {end}, found {text}')
        return number

    return read


def a_share(text: str) -> float:
    """A type for argparse: a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:  # neither is nan
        raise argparse.ArgumentTypeError(f'expected a number from 0 to 1, found {text}')
    return number


a_seed = whole(0, 2 ** 32 - 1)  # numpy takes no larger one
