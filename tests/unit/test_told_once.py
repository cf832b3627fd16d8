"""What several targets have in common is told once."""

from __future__ import annotations

from stackc.errors import Finding, NoSolutionError, Place, UpstreamError, joined, told_once

GPU, CPU, BASE = (Place(file="stack.toml", line=line) for line in (1, 2, 3))
FELL = Finding(code="S370", message="it fell back", places=(BASE, GPU))


def test_findings_that_differ_in_their_places_alone_are_one_with_all_places() -> None:
    other = Finding(code="S370", message="another fell back", places=(CPU,))
    again = Finding(code="S370", message="it fell back", places=(BASE, CPU))
    warning = Finding(code="S370", message="it fell back", places=(BASE,), severity="warning")

    assert told_once([FELL, other, again, warning, FELL]) == (
        Finding(code="S370", message="it fell back", places=(BASE, GPU, CPU)),
        other,
        warning,
    )


def test_errors_of_several_targets_are_one_of_the_gravest_kind() -> None:
    silent = Finding(code="S310", message="it cannot be reached")

    error = joined([NoSolutionError(FELL), UpstreamError([silent, FELL])])

    assert (type(error), error.findings) == (UpstreamError, (FELL, silent))
