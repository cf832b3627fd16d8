"""Every option of `[image]` at once: uv, locked cache mounts, a user, labels, and a second base that runs what was built."""

from __future__ import annotations

import json

from support.image import SITE, installed_in
from support.image_workshop import MANIFEST, Good, Workshop

RUNTIME = "example.org/cuda:12.4.1-runtime-debian12"

OPTIONS = f"""\
[image]
installer = "uv"
cache-mounts = true
user = "app"
runtime-base = "{RUNTIME}"
runtime-apt = ["libgomp1"]
labels = {{ "org.example.team" = "images" }}
"""


def test_all_options_at_once_give_an_image_that_verifies_and_runs(workshop: Workshop) -> None:
    workshop.bench.base(RUNTIME, "ENV CUDA_VERSION=12.4.1")
    desk = workshop.project("options", MANIFEST.replace("[image]\n", OPTIONS))
    good = Good(desk, "options", workshop.bench.build("options", desk.project, log="options"))
    assert good.outcome.status == 0, good.outcome.log[-3000:]
    verified = [line for line in good.outcome.log.splitlines() if line.startswith("verify:")]
    assert len(verified) == 3, "once where it is built, once where it runs, and once after the application part"
    assert verified[0] == verified[1]
    assert workshop.bench.config("options")["User"] == "10001:10001"
    assert workshop.bench.labels("options")["org.example.team"] == "images"
    with workshop.bench.mounted("options") as root:
        assert installed_in(root / SITE) == {
            package.name: str(package.version) for package in (*good.lock.packages, *good.lock.tools)
        }
        assert json.loads((root / "opt/stack/verified.json").read_text())["extra"] == {}
    outcome = workshop.bench.run("options")
    assert outcome.log.splitlines()[-1] == "expit(0) = 0.5", outcome.log
    assert workshop.bench.run("options", "id", "-un").log.splitlines()[-1] == "app"
