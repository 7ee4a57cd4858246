"""Synthesis: the template of a stage, or the end of the error output."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from local.base.errors import SynthesisError
from local.template.synthesis import synthesize


def app(folder: Path, code: str) -> Path:
    path = folder / "app.py"
    path.write_text(textwrap.dedent(code))
    return path


async def test_the_app_gets_stage_folder_and_flags_and_old_assets_are_removed(
    tmp_path: Path,
) -> None:
    code = """
        import json, os, pathlib
        out = pathlib.Path(os.environ["CDK_OUTDIR"])
        context = json.loads(os.environ["CDK_CONTEXT_JSON"])
        assert context["aws:cdk:bundling-stacks"] == []
        assert context["settings"] == {"MAX_LISTENERS": "5"}
        assert os.environ["CDK_VALIDATION"] == "false"
        assert os.access(os.environ["JSII_NODE"], os.X_OK)
        name = "lingocast-" + context["stage"]
        (out / "asset.new").mkdir()
        manifest = {"files": {"new": {"source": {"path": "asset.new"}}}}
        (out / f"{name}.assets.json").write_text(json.dumps(manifest))
        (out / f"{name}.template.json").write_text("{}")
    """
    out = tmp_path / "out"
    (out / "asset.old").mkdir(parents=True)
    settings = {"MAX_LISTENERS": "5"}
    template = await synthesize(out, "prod", app(tmp_path, code), settings)
    assert template == out / "lingocast-prod.template.json"
    assert json.loads(template.read_text()) == {}
    assert [asset.name for asset in out.glob("asset.*")] == ["asset.new"]


async def test_a_failed_app_is_reported_with_the_end_of_its_output(tmp_path: Path) -> None:
    path = app(tmp_path, "print('so far')\nraise SystemExit('unknown stage')")
    with pytest.raises(SynthesisError, match=r"(?s)status 1.*so far.*unknown stage") as error:
        await synthesize(tmp_path / "out", "dev", path)
    assert path.name in str(error.value)


async def test_an_app_without_a_template_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"wrote no lingocast-dev\.template\.json"):
        await synthesize(tmp_path / "out", "dev", app(tmp_path, "pass"))


async def test_the_app_has_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.template.synthesis._TIMEOUT_SECONDS", 0.2)
    with pytest.raises(SynthesisError, match="did not finish"):
        await synthesize(tmp_path / "out", "dev", app(tmp_path, "import time; time.sleep(60)"))
