"""File modes in staged assets: whatever the umask here, Lambda's user can read every file.

The CDK's archive has each file with the mode that it has on this machine (cdk-assets,
`zipDirectory` in https://github.com/aws/aws-cdk-cli), and functions run as a user who owns none of
them. After a `git clone` under umask 077 every import fails with "Permission denied":
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html

What is uploaded is found again by a hash of its contents, without the modes. An archive that
functions cannot read would thus stay in place; it must never be made.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from infrastructure.stage.config import ConfigError

_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def make_readable(assembly: Path, chmod: Callable[[Path, int], None] = Path.chmod) -> None:
    """Let everybody read the files and enter the folders of the assets in a cloud assembly.

    Raises ConfigError naming the first that cannot be changed.
    """
    for path, mode, wanted in _with_modes(assembly):
        if mode == wanted:
            continue
        try:
            chmod(path, wanted)
        except OSError as error:
            raise ConfigError(
                f"{path} has mode {mode:04o}, so that functions cannot read it, and that cannot be "
                f"changed ({error.strerror}): remove {assembly}, or run `chmod -R a+rX` on it as "
                "its owner"
            ) from None


def _with_modes(assembly: Path) -> Iterator[tuple[Path, int, int]]:
    """What is in the assets, with its mode and the one that it should have; no links."""
    for asset in sorted(assembly.glob("asset.*")):
        for path in (asset, *sorted(asset.rglob("*"))):
            found = path.lstat()
            mode = stat.S_IMODE(found.st_mode)
            if stat.S_ISDIR(found.st_mode):
                yield path, mode, mode | _READ | _EXECUTE
            elif stat.S_ISREG(found.st_mode):
                runs = _EXECUTE if mode & stat.S_IXUSR else 0
                yield path, mode, mode | _READ | runs
