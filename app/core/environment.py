"""Environment variables that look like settings but are none, such as a mistyped name."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

# Kubernetes sets these in every container beside a Service named `passgate`. `PASSGATE_TEST_...` is for the tests.
_IGNORED = re.compile(r"PASSGATE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?|TEST_\w+)")


def describe_unknown(names: Iterable[str], known: Iterable[str], prefix: str) -> list[str]:
    """Return one line for each name with the prefix that is not known, with the nearest known name.

    Names are compared without case, as the settings are read.
    """
    known = sorted(known)
    lines = []
    for name in sorted({name.upper() for name in names}):
        if name.startswith(prefix) and name not in known and not _IGNORED.fullmatch(name):
            nearest = get_close_matches(name, known, n=1)
            hint = f" Did you mean {nearest[0]}?" if nearest else " docs/operating.md lists them."
            lines.append(f"{name}: is not a setting.{hint}")
    return lines
