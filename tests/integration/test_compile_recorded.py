"""The project's own stack, compiled by the real uv against the recorded index: the promises that the README makes."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackc.lock.model import Lock
from stackc.lock.stored import load_lock
from support.cli import Desk, Outcome, tree
from support.index_server import JSON, Answer, IndexServer, Request, Site, json_page, serving
from support.recorded import PROJECT, STACK, pointed, recorded_site

NAMED = {
    "numpy": "1.26.4",
    "scipy": "1.12.0",
    "torch": "2.5.1+cu124",
    "torchvision": "0.20.1+cu124",
    "torchaudio": "2.5.1+cu124",
    "triton": "3.1.0",
    "transformers": "4.50.3",
    "tokenizers": "0.21.4",
    "nvidia-cublas-cu12": "12.4.5.8",
}
"""The versions that this stack is known to resolve to."""

NUMPY = '">=1.26.0,<2.0.0"'


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with serving(recorded_site()) as running:
        yield running


@pytest.fixture(scope="module")
def compiled(server: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A project compiled once; tests that write work on a copy."""
    desk = Desk(tmp_path_factory.mktemp("compiled"))
    desk.write(pointed(STACK.read_text(encoding="utf-8"), server.url))
    assert succeeded(desk.run("compile"))
    return desk


@pytest.fixture
def desk(compiled: Desk, tmp_path: Path) -> Desk:
    """A copy of the compiled project, its cache and all."""
    copied = Desk(tmp_path / "desk")
    shutil.copytree(compiled.root, copied.root)
    return copied


def succeeded(outcome: Outcome) -> bool:
    assert outcome.status == 0, outcome.stdout + outcome.stderr
    return True


def lock_of(desk: Desk, target: str = "gpu") -> Lock:
    lock = load_lock(desk.project / "locks" / target, target)
    assert lock is not None
    return lock


def versions(desk: Desk) -> dict[str, str]:
    return {package.name: str(package.version) for package in lock_of(desk).packages}


def locks(desk: Desk) -> dict[str, bytes]:
    return dict(tree(desk.project / "locks"))


def asked(server: IndexServer, since: int) -> list[str]:
    return [request.path for request in server.requests[since:]]


def edit(desk: Desk, old: str, new: str) -> None:
    text = (desk.project / "stack.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    desk.write(text.replace(old, new))


def test_the_example_stack_compiles_to_the_106_projects_that_it_is_known_to_need(compiled: Desk) -> None:
    found = versions(compiled)
    assert len(found) == 106
    assert {name: found[name] for name in NAMED} == NAMED


def test_the_torch_trio_comes_from_its_own_index_and_all_else_from_the_default_one(compiled: Desk) -> None:
    packages = lock_of(compiled).packages
    assert {package.name for package in packages if package.index == "cu124"} == {"torch", "torchaudio", "torchvision"}
    assert Counter(package.index for package in packages) == {"pypi": 103, "cu124": 3}


def test_the_target_without_a_gpu_is_the_same_stack_with_builds_for_the_cpu(compiled: Desk) -> None:
    gpu, cpu = lock_of(compiled).by_name, lock_of(compiled, "cpu").by_name
    left = {name: str(package.version) for name, package in gpu.items() if name not in cpu}
    other = {name: str(package.version) for name, package in cpu.items() if package.version != gpu[name].version}
    assert sorted(left) == [name for name in sorted(gpu) if name.startswith(("bitsandbytes", "nvidia-", "triton"))]
    assert other == {"torch": "2.5.1+cpu", "torchaudio": "2.5.1+cpu", "torchvision": "0.20.1+cpu"}
    assert Counter(package.index for package in cpu.values()) == {"pypi": 89, "cpu": 3}


def test_components_are_installed_in_the_step_that_the_manifest_orders(compiled: Desk) -> None:
    steps = {str(package.name): package.step for package in lock_of(compiled).packages}
    ordered = ("numpy", "scipy", "torch", "torchvision", "torchaudio", "triton", "transformers")
    assert {name: steps[name] for name in ordered} == {
        "numpy": 1, "scipy": 2, "torch": 3, "torchvision": 3, "torchaudio": 3, "triton": 3, "transformers": 4,
    }  # fmt: skip


def test_check_passes_on_what_compile_wrote(compiled: Desk) -> None:
    assert compiled.run("check").status == 0


def test_an_address_that_the_manifest_gives_stands_in_the_dockerfile_alone(compiled: Desk, server: IndexServer) -> None:
    assert [name for name, content in locks(compiled).items() if server.url.encode() in content] == [
        "cpu/Dockerfile",
        "gpu/Dockerfile",
    ]


def test_no_output_holds_a_path_of_this_machine(compiled: Desk) -> None:
    paths = [str(path).encode() for path in (compiled.root, PROJECT, Path(sys.prefix))]
    assert [name for name, content in locks(compiled).items() if any(path in content for path in paths)] == []


def test_compiling_again_has_nothing_to_do_and_asks_nobody(desk: Desk, server: IndexServer) -> None:
    before, since = locks(desk), len(server.requests)
    outcome = desk.run("compile")
    told = "".join(f"{target}: nothing to do, its lock is that of stack.toml\n" for target in ("gpu", "cpu"))
    assert outcome == Outcome(0, told, "")
    assert (locks(desk), asked(server, since)) == (before, [])


def test_with_a_warm_cache_the_default_index_is_not_asked_again(desk: Desk, server: IndexServer) -> None:
    before, since = locks(desk), len(server.requests)
    shutil.rmtree(desk.project / "locks")
    assert succeeded(desk.run("compile"))
    assert [path for path in asked(server, since) if not path.startswith("/whl/")] == []
    assert locks(desk) == before


def test_with_a_warm_cache_and_offline_nobody_is_asked(desk: Desk, server: IndexServer) -> None:
    before, since = locks(desk), len(server.requests)
    shutil.rmtree(desk.project / "locks")
    assert succeeded(desk.run("compile", "--offline"))
    assert (locks(desk), asked(server, since)) == (before, [])


def test_a_cold_cache_gives_the_same_bytes(desk: Desk) -> None:
    before = locks(desk)
    shutil.rmtree(desk.project / "locks")
    shutil.rmtree(desk.root / "cache")
    assert succeeded(desk.run("compile"))
    assert locks(desk) == before


def test_a_cold_compile_asks_for_each_page_and_each_metadata_once(desk: Desk, server: IndexServer) -> None:
    since = len(server.requests)
    shutil.rmtree(desk.project / "locks")
    shutil.rmtree(desk.root / "cache")
    assert succeeded(desk.run("compile"))
    repeated = [path for path, count in Counter(asked(server, since)).items() if count > 1]
    archives = [path for path in asked(server, since) if path.endswith((".whl", ".tar.gz", ".zip"))]
    assert (repeated, archives) == ([], [])


def test_widening_a_range_moves_no_version(desk: Desk) -> None:
    before = versions(desk)
    edit(desk, NUMPY, '">=1.25.0,<2.2.0"')
    assert succeeded(desk.run("compile"))
    assert versions(desk) == before


def test_narrowing_a_range_moves_that_project_alone(desk: Desk) -> None:
    before = versions(desk)
    edit(desk, NUMPY, '">=1.26.0,<1.26.4"')
    assert succeeded(desk.run("compile"))
    moved = {name: version for name, version in versions(desk).items() if before[name] != version}
    assert moved == {"numpy": "1.26.3"}


def test_a_project_of_torch_on_the_default_index_is_never_looked_at(desk: Desk) -> None:
    """Dependency confusion: a higher version where the project is not routed."""
    site = recorded_site()
    poisoned = "torch-99.0-py3-none-any.whl"
    row = {"filename": poisoned, "url": poisoned, "hashes": {"sha256": "0" * 64}, "upload-time": "2024-01-01T00:00:00Z"}
    site.put("/simple/torch/", json_page("torch", [row]), content_type=JSON)
    before = versions(desk)
    with serving(site) as poisonous:
        desk.write(pointed(STACK.read_text(encoding="utf-8"), poisonous.url))
        shutil.rmtree(desk.project / "locks")
        shutil.rmtree(desk.root / "cache")
        assert succeeded(desk.run("compile"))
        assert [path for path in asked(poisonous, 0) if path.startswith("/simple/torch")] == []
    assert versions(desk) == before


UV_TRAPS = (
    "UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONSTRAINT", "UV_OVERRIDE",
    "UV_BUILD_CONSTRAINT", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_RESOLUTION", "UV_PRERELEASE", "UV_FORK_STRATEGY",
    "UV_INDEX_STRATEGY", "UV_TORCH_BACKEND", "UV_KEYRING_PROVIDER", "UV_CONFIG_FILE", "UV_CACHE_DIR", "UV_NO_CACHE",
    "UV_OFFLINE", "UV_PYTHON", "UV_PYTHON_PREFERENCE", "UV_PYTHON_DOWNLOADS", "UV_MANAGED_PYTHON", "UV_SYSTEM_PYTHON",
    "UV_LINK_MODE", "UV_COMPILE_BYTECODE", "UV_REQUIRE_HASHES", "UV_NO_BINARY", "UV_NO_BUILD", "UV_ONLY_BINARY",
    "UV_NATIVE_TLS", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_CONCURRENT_DOWNLOADS",
    "UV_CUSTOM_COMPILE_COMMAND", "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIRECTORY", "UV_ENV_FILE", "UV_PREVIEW",
)  # fmt: skip
PIP_TRAPS = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT", "PIP_REQUIREMENT",
    "PIP_REQUIRE_HASHES", "PIP_TARGET", "PIP_PREFIX", "PIP_ONLY_BINARY", "PIP_NO_BINARY", "PIP_PRE", "PIP_PROXY", "PIP_CERT",
    "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_TIMEOUT", "PIP_RETRIES", "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV", "PIP_KEYRING_PROVIDER", "PIP_UPLOADED_PRIOR_TO",
)  # fmt: skip
PROXY_TRAPS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
OTHER_TRAPS = {
    "VIRTUAL_ENV": "/nowhere",
    "CONDA_PREFIX": "/nowhere",
    "RUST_LOG": "trace",
    "SSL_CERT_FILE": "/nowhere/certificates.pem",
    "SSL_CERT_DIR": "/nowhere",
    "REQUESTS_CA_BUNDLE": "/nowhere/certificates.pem",
    "CURL_CA_BUNDLE": "/nowhere/certificates.pem",
    "PYTHONHASHSEED": "4711",
    "PYTHONPATH": "/nowhere",
    "PYTHONOPTIMIZE": "2",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTHONWARNINGS": "always",
    "LC_ALL": "C",
    "LANG": "tr_TR.UTF-8",
    "TZ": "Pacific/Kiritimati",
    "COLUMNS": "20",
    "FORCE_COLOR": "1",
    "SOURCE_DATE_EPOCH": "1",
}


LAUNCHER = (sys.executable, "-m", "stackc")


def hostile(desk: Desk) -> dict[str, str]:
    """Return every variable that was seen to lead an engine, pip or curl astray, set to something that would break the run."""
    (desk.root / "home").mkdir(exist_ok=True)
    (desk.root / "home" / ".netrc").write_text("default login nobody password nothing\n")
    (desk.root / "home" / ".curlrc").write_text("proxy = http://127.0.0.1:9\n")
    for folder, name, text in (
        ("home/.config/uv", "uv.toml", 'index-url = "http://127.0.0.1:9/simple"\nresolution = "lowest"\n'),
        ("home/.config/pip", "pip.conf", "[global]\nindex-url = http://127.0.0.1:9/simple\nno-index = true\n"),
    ):
        (desk.root / folder).mkdir(parents=True, exist_ok=True)
        (desk.root / folder / name).write_text(text)
    return {
        **dict.fromkeys((*UV_TRAPS, *PIP_TRAPS), "garbage"),
        **dict.fromkeys(PROXY_TRAPS, "http://127.0.0.1:9"),
        **OTHER_TRAPS,
        "NETRC": str(desk.root / "home" / ".netrc"),
        "XDG_CONFIG_HOME": str(desk.root / "home" / ".config"),
    }


def test_a_hostile_environment_gives_the_same_bytes(desk: Desk) -> None:
    before = locks(desk)
    shutil.rmtree(desk.project / "locks")
    shutil.rmtree(desk.root / "cache")
    desk.write('[tool.uv]\nindex-url = "http://127.0.0.1:9/simple"\n', "pyproject.toml")
    desk.write('resolution = "lowest"\n', "uv.toml")
    assert succeeded(desk.run("compile", launcher=LAUNCHER, **hostile(desk)))
    assert locks(desk) == before


USER, SECRET = "reader", "s3cr3t-t0ken"


def guarded(site: Site) -> Site:
    """Return a site that answers only who knows the password."""
    expected = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    closed = Site()

    def behind(open_path: str) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            if request.headers.get("authorization") != expected:
                return Answer(401, b"", {"WWW-Authenticate": "Basic"})
            return site.answer(replace(request, path=open_path))

        return answer

    closed.answers.update({path: behind(path) for path in site.answers})
    return closed


def traces(desk: Desk, outcome: Outcome, *, but: tuple[str, ...] = ()) -> list[str]:
    """Return where the password, plain or as it is sent, can be read after a run."""
    spelled = (SECRET.encode(), base64.b64encode(f"{USER}:{SECRET}".encode()), hashlib.sha256(SECRET.encode()).digest())
    places = {**tree(desk.root), "stdout": outcome.stdout.encode(), "stderr": outcome.stderr.encode()}
    return [place for place, content in places.items() if place not in but and any(trace in content for trace in spelled)]


def test_credentials_in_an_address_open_the_index_and_are_written_nowhere(desk: Desk) -> None:
    before = versions(desk)
    with serving(guarded(recorded_site())) as closed:
        address = closed.url.replace("://", f"://{USER}:{SECRET}@")
        desk.write(pointed(STACK.read_text(encoding="utf-8"), address))
        for folder in (desk.project / "locks", desk.root / "cache"):
            shutil.rmtree(folder)
        outcome = desk.run("compile")
    assert succeeded(outcome)
    assert versions(desk) == before
    assert traces(desk, outcome, but=("project/stack.toml",)) == []


def test_credentials_in_a_netrc_open_the_index_and_are_written_nowhere(desk: Desk) -> None:
    before = versions(desk)
    netrc = desk.root / "home" / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {SECRET}\n")
    with serving(guarded(recorded_site())) as closed:
        desk.write(pointed(STACK.read_text(encoding="utf-8"), closed.url))
        for folder in (desk.project / "locks", desk.root / "cache"):
            shutil.rmtree(folder)
        outcome = desk.run("compile", NETRC=str(netrc))
    assert succeeded(outcome)
    assert versions(desk) == before
    assert traces(desk, outcome, but=("home/.netrc",)) == []


def test_credentials_that_are_refused_are_not_told(desk: Desk) -> None:
    with serving(guarded(recorded_site())) as closed:
        wrong = closed.url.replace("://", f"://someone:{SECRET}@")
        desk.write(pointed(STACK.read_text(encoding="utf-8"), wrong))
        for folder in (desk.project / "locks", desk.root / "cache"):
            shutil.rmtree(folder)
        outcome = desk.run("compile")
    assert (outcome.status, tree(desk.project / "locks")) == (4, {})
    assert re.findall(r"error\[(S\d+)\]: index `(\w+)` answered (\d+)", outcome.stderr)[0] == ("S313", "pypi", "401")
    assert traces(desk, outcome, but=("project/stack.toml",)) == []
