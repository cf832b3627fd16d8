"""The listing: which of the releases that an index has an engine is shown, as a plan has it, and why it is not the others."""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.plan import Plan
from stackc.upstream.pages import Found, PageOutcome
from stackc.view.candidates import Candidates
from stackc.view.shown import Releases, ShownProject

__all__ = ["Listing"]


class Listing:
    """One plan's choice among the releases of each project."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._exact = plan.exact_pins()
        self._pre_releases = plan.pre_releases()

    def differing(self, other: Listing) -> frozenset[str]:
        """Return the projects of which another plan may show other releases."""
        mine, theirs = self._plan, other._plan
        pairs = (
            self._exact ^ other._exact,
            mine.held.items() ^ theirs.held.items(),
            mine.preferences.items() ^ theirs.preferences.items(),
        )
        named = (name for differing in pairs for name, _ in differing)
        hidden = (*mine.rules.hidden, *theirs.rules.hidden)
        return frozenset((*hidden, *named, *(self._pre_releases ^ other._pre_releases)))

    def apply(self, project: ShownProject) -> None:
        """Work out which releases of a project whose page has come are shown."""
        candidates = _candidates(project.outcome)
        shown = candidates.without(self._barred(project.name, candidates))
        project.releases, project.spelled = Releases(shown.by_version, project.known), shown.spelled

    def rejections(self, project: ShownProject) -> list[tuple[str, str]]:
        """Return (version, reason) of the releases whose file would fit the target, and that are not shown."""
        name, candidates = project.name, _candidates(project.outcome)
        hidden = [
            (str(version), f"rule `{rule}` bars it on this target")
            for version in candidates.by_version
            if (rule := self._plan.rules.hiding_rule(name, version)) is not None
        ]
        return hidden + [
            (str(version), "it is a pre-release, and stack.toml names none of this project")
            for version in sorted(self._passed_over(name, candidates) - project.releases.keys())
        ]

    def _barred(self, name: NormalizedName, candidates: Candidates) -> frozenset[Version]:
        """Return the versions of a page that are not shown."""
        plan, listed = self._plan, candidates.by_version
        barred = {version for version in candidates.yanked if not self._pins_exactly(name, version)}
        if name in plan.held:
            barred |= {version for version in listed if version != plan.held[name]}
        if name in plan.rules.hidden:
            barred |= {version for version in listed if plan.rules.hiding_rule(name, version) is not None}
        return self._passed_over(name, candidates, barred=barred) | barred

    def _pins_exactly(self, name: NormalizedName, version: Version) -> bool:
        """Say whether the manifest pins a release exactly; `==2.5.1` pins 2.5.1+cu124 as well (PEP 440)."""
        return not self._exact.isdisjoint(((name, version), (name, Version(version.public))))

    def _passed_over(
        self, name: NormalizedName, candidates: Candidates, *, barred: Collection[Version] = frozenset()
    ) -> frozenset[Version]:
        """Return the pre-releases that no engine is to consider: all, unless the manifest names one, or there is nothing else.

        Engines differ in what lets a pre-release in (PEP 440 leaves it to them); what one of them is shown, it may take. A pin
        of the previous lock stays. What is `barred` for another reason does not count.
        """
        if name in self._pre_releases or all(version in barred for version in candidates.stable.by_version):
            return frozenset()
        return candidates.pre_releases.difference((self._plan.preferences.get(name),))


def _candidates(outcome: PageOutcome | None) -> Candidates:
    return outcome.candidates if isinstance(outcome, Found) else Candidates()
