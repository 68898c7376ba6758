"""Secret settings from files: `PASSGATE_DATABASE_URL_FILE` names the file with `PASSGATE_DATABASE_URL`."""

from collections.abc import Mapping
from pathlib import Path

SUFFIX = "_FILE"


class SecretFileError(Exception):
    """Secret files cannot be used; `lines` has one line for each."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_secret_files(environment: Mapping[str, str], names: list[str], longest: int) -> dict[str, str]:
    """Return the value of each of `names` that is in a file, without line breaks at the end.

    Names are compared without case, and empty variables count as not set, as the settings are read. Of a file,
    `longest` characters and a line break are read, so that a longer value is refused like one in the environment.
    Raises `SecretFileError` if a variable is set too, or the file is missing, unreadable or empty.
    """
    given = {name.upper(): value for name, value in environment.items() if value}
    found, wrong = {}, []
    for name in names:
        path = given.get(name + SUFFIX)
        if path is None:
            continue
        if name in given:
            wrong.append(f"{name}{SUFFIX}: {name} is set too. Set one of them.")
            continue
        try:
            found[name] = _read(path, longest)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            wrong.append(f"{name}{SUFFIX}: cannot read the file: {reason}")
    if wrong:
        raise SecretFileError(*wrong)
    return found


def _read(path: str, longest: int) -> str:
    with Path(path).open(encoding="utf-8", newline="") as file:
        try:
            text = file.read(longest + 2).rstrip("\r\n")
        except UnicodeDecodeError:  # its message quotes the value
            raise ValueError("it is no UTF-8 text") from None
    if not text:
        raise ValueError("it is empty")
    return text
