from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.interfaces.server.documents import graph_document
from jupyter_mlops.interfaces.server.paths import notebook_path
from jupyter_mlops.interfaces.server.runs import Runner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Fetch = Callable[..., Awaitable[Any]]

pytest_plugins = ["pytest_jupyter.jupyter_server"]


def _notebook(*sources: str) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for i, source in enumerate(sources)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


GOOD = _notebook(
    "%%mlops params\nseed = 7",
    "%%mlops stage load\nrows = [seed, 1]\nother = 2",
    "%%mlops stage report --after load\nprint(rows, other)",
)
BROKEN = _notebook("%%mlops stage load --retires 2\nrows = [1]")


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_mlops.interfaces.server": True}}}


@pytest.fixture
def root(jp_root_dir: Path) -> Path:
    (jp_root_dir / "good.ipynb").write_text(json.dumps(GOOD))
    (jp_root_dir / "broken.ipynb").write_text(json.dumps(BROKEN))
    return jp_root_dir


async def _post(jp_fetch: Fetch, *parts: str, **body: Any) -> tuple[int, Any]:
    response = await jp_fetch("jupyter-mlops", *parts, method="POST", body=json.dumps(body))
    return response.code, json.loads(response.body)


async def _get(jp_fetch: Fetch, *parts: str, path: str) -> Any:
    response = await jp_fetch("jupyter-mlops", *parts, params={"path": path})
    return json.loads(response.body)


async def _refused(asked: Awaitable[Any]) -> tuple[int, dict[str, str]]:
    with pytest.raises(HTTPClientError) as raised:
        await asked
    response = raised.value.response
    assert response is not None
    return raised.value.code, json.loads(response.body)


async def _ended(jp_fetch: Fetch, run_id: str, path: str) -> Any:
    while (run := await _get(jp_fetch, "runs", run_id, path=path))["status"] == "running":  # noqa: ASYNC110 - the browser asks so too
        await asyncio.sleep(0.1)
    return run


async def test_the_graph_of_a_saved_notebook(jp_fetch: Fetch, root: Path) -> None:
    status, graph = await _post(jp_fetch, "graph", path="good.ipynb")
    assert status == 200
    assert graph["notebook"] == "good.ipynb"
    assert graph["params"] == {"seed": 7}
    assert [stage["name"] for stage in graph["stages"]] == ["load", "report"]
    (edge,) = graph["edges"]
    assert (edge["source"], edge["target"], sorted(edge["variables"])) == (
        "load",
        "report",
        ["other", "rows"],
    )
    assert graph["diagnostics"] == []
    assert graph["suggested"] is False


async def test_the_graph_of_content_that_is_not_saved(jp_fetch: Fetch, root: Path) -> None:
    _, graph = await _post(jp_fetch, "graph", path="new.ipynb", content=_notebook("%%mlops stage one\nx = 1"))
    assert [stage["name"] for stage in graph["stages"]] == ["one"]
    assert not (root / "new.ipynb").exists()


async def test_a_notebook_that_is_no_pipeline_answers_with_what_is_wrong(jp_fetch: Fetch, root: Path) -> None:
    status, graph = await _post(jp_fetch, "graph", path="broken.ipynb")
    assert status == 200
    assert graph["stages"] == []
    (finding,) = graph["diagnostics"]
    assert "--retires" in finding["message"]
    assert "--retries" in finding["mend"]
    assert finding["cell"] == 0


@pytest.mark.parametrize("sources", [(), ("",), ("", " \n")])
def test_an_empty_notebook_has_no_stages_and_nothing_to_mend(sources: tuple[str, ...]) -> None:
    graph = graph_document(json.dumps(_notebook(*sources)), "empty.ipynb")
    assert (graph["stages"], graph["diagnostics"], graph["suggested"]) == ([], [], False)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 7}', '{"cells": [{}]}'])
def test_what_is_no_notebook_is_said_so(content: str) -> None:
    graph = graph_document(content, "odd.ipynb")
    (finding,) = graph["diagnostics"]
    assert (graph["stages"], finding["rule"]) == ([], "MLO100")
    assert finding["message"]


def test_findings_of_the_data_flow_come_with_the_graph_as_far_as_it_goes() -> None:
    content = _notebook("%%mlops stage a\nx = 1", "%%mlops stage b\nprint(x, missing)")
    graph = graph_document(json.dumps(content), "n.ipynb")
    assert [stage["name"] for stage in graph["stages"]] == ["a", "b"]
    assert any("missing" in finding["message"] for finding in graph["diagnostics"])


@pytest.mark.parametrize(
    "body, status",
    [
        ({"path": "../outside.ipynb"}, 400),
        ({"path": "absent.ipynb"}, 404),
        ({"path": "notes.txt"}, 400),
        ({"path": ""}, 400),
        ({"path": 7}, 400),
        ({}, 400),
    ],
)
async def test_bad_requests_are_refused_in_json(
    jp_fetch: Fetch, root: Path, body: dict[str, Any], status: int
) -> None:
    for where in ("graph", "runs"):
        code, problem = await _refused(_post(jp_fetch, where, **body))
        assert code == status
        assert problem["message"]
        assert problem["code"].startswith("MLO")


async def test_a_body_that_is_no_object_is_refused(jp_fetch: Fetch, root: Path) -> None:
    for body in ("", "[]", "{"):
        code, problem = await _refused(jp_fetch("jupyter-mlops", "graph", method="POST", body=body))
        assert (code, problem["code"]) == (400, "MLO001")


async def test_nothing_is_answered_without_the_token(
    jp_fetch: Fetch, jp_base_url: str, http_server_client: Any, root: Path
) -> None:
    with pytest.raises(HTTPClientError) as raised:
        await http_server_client.fetch(jp_base_url + "jupyter-mlops/runs?path=good.ipynb")
    assert raised.value.code in (401, 403)


async def test_a_run_of_a_broken_notebook_fails_with_its_own_words(jp_fetch: Fetch, root: Path) -> None:
    status, started = await _post(jp_fetch, "runs", path="broken.ipynb")
    assert status == 202
    run = await _ended(jp_fetch, started["run_id"], "broken.ipynb")
    assert run["status"] == "failed"
    assert "--retires" in run["error"]["message"]
    assert not run["error"]["message"].startswith("error:")
    listed = await _get(jp_fetch, "runs", path="broken.ipynb")
    assert [each["run_id"] for each in listed["runs"]] == [started["run_id"]]
    assert (await _get(jp_fetch, "runs", path="good.ipynb"))["runs"] == []


async def test_a_run_that_has_ended_cannot_be_stopped(jp_fetch: Fetch, root: Path) -> None:
    _, started = await _post(jp_fetch, "runs", path="broken.ipynb")
    run_id = started["run_id"]
    await _ended(jp_fetch, run_id, "broken.ipynb")
    asked = jp_fetch("jupyter-mlops", "runs", run_id, method="DELETE", params={"path": "broken.ipynb"})
    assert (await _refused(asked))[0] == 409


async def test_an_unknown_run_is_not_found(jp_fetch: Fetch, root: Path) -> None:
    code, problem = await _refused(_get(jp_fetch, "runs", "20260101-000000-abcdef", path="good.ipynb"))
    assert (code, problem["code"]) == (404, "MLO400")
    asked = jp_fetch("jupyter-mlops", "runs", "x", method="DELETE", params={"path": "good.ipynb"})
    assert (await _refused(asked))[0] == 404


async def test_a_parameter_needs_a_name(jp_fetch: Fetch, root: Path) -> None:
    code, problem = await _refused(_post(jp_fetch, "runs", path="good.ipynb", params={"--force": 1}))
    assert (code, problem["code"]) == (400, "MLO001")
    code, _ = await _refused(_post(jp_fetch, "runs", path="good.ipynb", params=[1]))
    assert code == 400


@pytest.mark.slow
async def test_a_run_goes_to_its_end_with_the_parameters_given(jp_fetch: Fetch, root: Path) -> None:
    _, started = await _post(jp_fetch, "runs", path="good.ipynb", params={"seed": 8})
    run = await _ended(jp_fetch, started["run_id"], "good.ipynb")
    assert run["status"] == "succeeded", run
    assert run["run_id"] == started["run_id"]
    assert run["params"] == {"seed": 8}
    assert [stage["status"] for stage in run["stages"]] == ["executed", "executed"]


@pytest.mark.slow
async def test_a_run_ends_with_the_server(tmp_path: Path) -> None:
    notebook = tmp_path / "long.ipynb"
    notebook.write_text(json.dumps(_notebook("%%mlops stage wait\nimport time\ntime.sleep(600)")))
    runner = Runner()
    run_id = await runner.start(notebook, {})
    while not (run := runner.show(notebook, run_id))["stages"] or run["stages"][0]["status"] != "running":
        assert run["status"] == "running", run
        await asyncio.sleep(0.1)
    await runner.close()
    run = runner.show(notebook, run_id)
    assert (run["status"], run["error"]["message"]) == ("failed", "the run was stopped")
    assert not any(process.alive for process in runner._processes.values())


async def test_a_process_that_will_not_go_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_mlops.interfaces.server import runs

    monkeypatch.setattr(runs, "_GRACE", 0.2)
    script = tmp_path / "stubborn"
    ready = tmp_path / "ready"
    script.write_text(
        f"#!{sys.executable}\nimport signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(ready)!r}, 'w').close()\ntime.sleep(600)\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    runner = Runner()
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps(GOOD))
    run_id = await runner.start(notebook, {})
    while not ready.exists():  # noqa: ASYNC110 - another process makes the file
        await asyncio.sleep(0.05)
    await runner.close()
    process = runner._processes[run_id]
    assert not process.alive
    assert process._child.returncode == -signal.SIGKILL
    run = runner.show(notebook, run_id)
    assert (run["status"], run["error"]["message"]) == ("failed", "the run was stopped")


def test_paths_stay_below_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    inside = root / "sub" / "a.ipynb"
    inside.touch()
    outside = tmp_path / "b.ipynb"
    outside.touch()
    (root / "link.ipynb").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path)

    assert notebook_path(root, "sub/a.ipynb") == inside.resolve()
    assert notebook_path(root, "/sub/../sub/a.ipynb") == inside.resolve()
    assert notebook_path(root, "new.ipynb", must_exist=False) == (root / "new.ipynb").resolve()
    for name in ("../b.ipynb", "sub/../../b.ipynb", "link.ipynb", "folder/b.ipynb", "a\0.ipynb"):
        with pytest.raises(UsageError):
            notebook_path(root, name)
    with pytest.raises(NotFoundError):
        # What starts with a slash starts at the root all the same.
        notebook_path(root, str(outside))
    with pytest.raises(NotFoundError):
        notebook_path(root, "absent.ipynb")


def test_the_configuration_switches_off_what_breaks_jupyterlab_and_sorts_after_it() -> None:
    from jupyter_mlops import interfaces

    (folder,) = interfaces.__path__
    (path,) = (Path(folder) / "jupyter_config").glob("*.json")
    assert path.name > "ploomber_extension.json"
    extensions = json.loads(path.read_text())["ServerApp"]["jpserver_extensions"]
    assert extensions == {
        "jupyter_mlops.interfaces.server": True,
        "ploomber": False,
        "ploomber_extension": False,
    }
