"""Makes staged assets readable by Lambda's user, whatever the umask of this machine.

The CDK archives files with their local modes (cdk-assets, `zipDirectory` in
https://github.com/aws/aws-cdk-cli), and functions run as a user who owns none of them. After a
`git clone` under umask 077 every import would fail with "Permission denied":
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html

Assets are cached by a hash of their contents, which ignores modes, so an unreadable archive would
stay in place once uploaded.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from infrastructure.stage.config import ConfigError

_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def make_readable(assembly: Path, chmod: Callable[[Path, int], None] = Path.chmod) -> None:
    """Make the assets of a cloud assembly readable for everyone.

    Raises ConfigError naming the first file whose mode cannot be changed.
    """
    for path, mode, wanted in _with_modes(assembly):
        if mode == wanted:
            continue
        try:
            chmod(path, wanted)
        except OSError as error:
            raise ConfigError(
                f"functions could not read {path}: its mode is {mode:04o} and cannot be changed "
                f"({error.strerror}); remove {assembly}, or run `chmod -R a+rX` on it as its owner"
            ) from None


def _with_modes(assembly: Path) -> Iterator[tuple[Path, int, int]]:
    """Files and folders of the assets with actual and required mode; links are skipped."""
    for asset in sorted(assembly.glob("asset.*")):
        for path in (asset, *sorted(asset.rglob("*"))):
            found = path.lstat()
            mode = stat.S_IMODE(found.st_mode)
            if stat.S_ISDIR(found.st_mode):
                yield path, mode, mode | _READ | _EXECUTE
            elif stat.S_ISREG(found.st_mode):
                runs = _EXECUTE if mode & stat.S_IXUSR else 0
                yield path, mode, mode | _READ | runs
