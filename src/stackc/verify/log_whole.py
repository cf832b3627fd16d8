"""Whether a log is a build's whole log: every step from the first to the last, none clipped, and the image made."""

from __future__ import annotations

from collections.abc import Iterator

from stackc.errors import Finding, Place
from stackc.verify.log_story import StepStory, Story

__all__ = ["wholeness"]

_COMPLAINTS = 3
_MISSING = "read the log from its first line to its last; do not pass it through `tail`"


def wholeness(story: Story, *, log: str) -> Iterator[Finding]:
    """Yield what keeps a log from being a whole one: it is none, its build failed, or parts of it are not there."""
    if not story.steps:
        yield Finding(
            code="S650",
            message="this is not the plain log of a build by docker, BuildKit or buildah",
            places=(Place(file=log),),
            hint="pass --progress=plain to docker build, and keep both standard output and standard error",
        )
        return
    if story.failed:
        yield _failure(story, log)
        return
    for clipped in (step.clipped for step in story.steps if step.clipped is not None):
        yield Finding(
            code="S651",
            message="the builder clipped a step's output, so that the log does not show all of it",
            places=(Place(file=log, line=clipped.line),),
            found=clipped.text,
            hint="let BuildKit print more: BUILDKIT_STEP_LOG_MAX_SIZE=-1 and BUILDKIT_STEP_LOG_MAX_SPEED=-1 for its daemon",
        )
    yield from _gaps(story, log)
    if not story.finished:
        last = story.steps[-1].step
        yield Finding(
            code="S651",
            message="the log ends before the image is made",
            places=(Place(file=log, line=last.line),),
            found=f"its last step is {last.number}" + (f" of {last.total}" if last.total else ""),
            hint=_MISSING,
        )


def _failure(story: Story, log: str) -> Finding:
    first = story.failed[0]
    failing = next((step for step in reversed(story.steps) if step.state == "failed"), None)
    step = failing.step if failing is not None else None
    at = f" in log step {step.number}" + (f"/{step.total}" if step.total else "") if step is not None else ""
    complaints = [complaint.text for complaint in failing.complaints] if failing is not None else []
    return Finding(
        code="S652",
        message=f"the build failed{at}",
        places=(Place(file=log, line=first.line),),
        found=first.text,
        notes=tuple(complaints[:_COMPLAINTS]),
        hint="correct what the lines before it say, and build again",
    )


def _gaps(story: Story, log: str) -> Iterator[Finding]:
    """Yield the steps that a log does not have. BuildKit begins a stage with step 1 or, after another stage, with any."""
    scopes: dict[str, list[StepStory]] = {}
    for step in story.steps:
        scopes.setdefault(step.step.scope, []).append(step)
    for scope, steps in scopes.items():
        total = steps[0].step.total
        numbers = {step.step.number for step in steps}
        last = max(numbers) if total is None else total
        missing = [number for number in range(1, last + 1) if number not in numbers]
        if missing:
            stage = f" of stage `{scope}`" if scope else ""
            listed = ", ".join(map(str, missing))
            yield Finding(
                code="S651",
                message=f"the log lacks steps{stage}",
                places=(Place(file=log, line=steps[0].step.line),),
                wanted=f"steps 1 to {last}",
                found=f"without {listed}",
                hint=_MISSING,
            )
