"""Functions can read their assets, whatever umask created them."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.compute.asset_modes import make_readable
from infrastructure.stage.config import ConfigError
from tests.infrastructure.assembly import NO_BUNDLING, ROOT, SEARCH_PATH

SOURCES = ("app.py", "cdk.json", "constraints.txt", "infrastructure", "lambda", "shared")


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }


def test_assets_of_a_private_clone_are_readable_by_everyone(
    tmp_path: Path,
) -> None:
    clone = tmp_path / "clone"
    clone.mkdir(0o700)
    for name in (*SOURCES, "client", "interpreter"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, clone / name)
    for path in clone.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)

    done = subprocess.run(
        [sys.executable, str(clone / "app.py")],
        env={
            "PATH": SEARCH_PATH,
            "CDK_VALIDATION": "false",
            "CDK_OUTDIR": str(tmp_path / "cdk.out"),
            "CDK_CONTEXT_JSON": json.dumps(dict(NO_BUNDLING)),
        },
        umask=0o077,
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (code,) = (path.parents[1] for path in tmp_path.glob("cdk.out/asset.*/lambda/connect"))
    found = modes(code)
    assert "lambda/connect/handler.py" in found
    assert {mode & 0o055 for name, mode in found.items() if (code / name).is_dir()} == {0o055}
    assert {mode & 0o044 for mode in found.values()} == {0o044}


def test_only_executable_files_are_executable_in_assets(tmp_path: Path) -> None:
    folder = tmp_path / "asset.1" / "python"
    folder.mkdir(parents=True)
    for name, mode in (("module.py", 0o600), ("tool", 0o700), ("open.py", 0o664)):
        (folder / name).touch()
        (folder / name).chmod(mode)
    (tmp_path / "lingocast-dev.template.json").touch(mode=0o600)
    (folder / "link").symlink_to("nowhere")

    make_readable(tmp_path)

    assert stat.S_IMODE((folder / "module.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / "tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "open.py").stat().st_mode) == 0o664
    # Templates keep their mode: only their owner reads them.
    assert stat.S_IMODE((tmp_path / "lingocast-dev.template.json").stat().st_mode) == 0o600


def test_a_file_whose_mode_cannot_change_is_reported_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "asset.1").mkdir()
    (tmp_path / "asset.1" / "module.py").touch(mode=0o600)

    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    with pytest.raises(ConfigError, match=r"asset\.1/module\.py: its mode is 0600.*chmod -R a\+rX"):
        make_readable(tmp_path, refuse)
