"""What a second build takes from the first: all that stands before the edit."""

from __future__ import annotations

from support.image import Outcome
from support.image_workshop import MANIFEST, Good, Workshop


def rebuilt(workshop: Workshop, good: Good, outcome: Outcome) -> list[str]:
    """Return the instructions that were carried out, once it is seen that all others, which stand before them, were not."""
    instructions = good.outcome.built
    assert outcome.status == 0, outcome.log[-3000:]
    assert [*outcome.reused, *outcome.built] == instructions
    return outcome.built


def test_the_same_project_again_builds_nothing(workshop: Workshop, good: Good) -> None:
    assert rebuilt(workshop, good, workshop.bench.build("again", good.desk.project, log="cache-nothing")) == []


def test_an_edit_of_the_requirements_builds_nothing_before_them(workshop: Workshop, good: Good) -> None:
    project = workshop.copy(good.desk, "requirements-edited")
    """By hand, which the verification then refuses: what was built until then is what is looked at."""
    with (project / "locks/gpu/requirements.txt").open("a") as file:
        file.write("# a comment\n")
    outcome = workshop.bench.build("again", project, log="cache-requirements")
    assert good.outcome.built[: len(outcome.reused)] == outcome.reused
    first, second, *_, last = outcome.built
    assert first == "COPY locks/gpu/requirements.txt /opt/stack/requirements.txt"
    assert " -r /opt/stack/requirements.txt " in second
    assert (outcome.status != 0, last) == (True, "RUN python /opt/stack/verify.py")


def test_another_version_of_what_requirements_hold_builds_no_step_again(workshop: Workshop, good: Good) -> None:
    desk = workshop.project("fastapi-moved", MANIFEST.replace(">=0.104,<0.116", "==0.115.13"))
    outcome = workshop.bench.build("again", desk.project, log="cache-fastapi")
    assert outcome.status == 0, outcome.log[-3000:]
    first, second, third, *_ = outcome.built
    assert first == "COPY locks/gpu/constraints.txt /opt/stack/constraints.txt"
    assert second == "ENV PIP_CONSTRAINT=/opt/stack/constraints.txt"
    assert third == "COPY locks/gpu/requirements.txt /opt/stack/requirements.txt"
    assert outcome.reused == good.outcome.built[: len(outcome.reused)]
    assert " -r /opt/stack/steps/03-torch.cu124.txt " in outcome.reused[-1]


def test_an_edit_of_the_application_installs_and_imports_nothing_again(workshop: Workshop, good: Good) -> None:
    project = workshop.copy(good.desk, "app-edited")
    (project / "app/__main__.py").write_text("print('another one')\n", encoding="utf-8")
    first, *others = rebuilt(workshop, good, workshop.bench.build("again", project, log="cache-app"))
    assert first == "COPY app/ ./app/"
    assert [line for line in others if line.startswith("RUN ")] == ["RUN python /opt/stack/verify.py --installed"]
    assert workshop.bench.run("again").log.splitlines()[-1] == "another one"
