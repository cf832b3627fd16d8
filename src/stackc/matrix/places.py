"""Where a manifest says the version of a component, and what its base image is worth, for findings of the matrix."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from stackc.errors import Place
from stackc.manifest.model import Component, Places
from stackc.target import Target

__all__ = ["place_of_build", "place_of_extras", "place_of_version", "place_of_virtual"]

_IMPLIED = frozenset({"cuda", "glibc"})
_BASE = "base-"
_KEYS = {"sm": "gpus"}


def place_of_version(component: Component, *, places: Places, target: str | None = None) -> Place:
    """Return where the component's version stands: in the target's override of it, if that has one.

    That of a direct reference is the one of its file.
    """
    key = "version" if component.direct is None else component.direct.kind
    return _overridden(component, key, places, target) or places.at("components", component.spelled, key)


def place_of_extras(component: Component, *, places: Places, target: str | None = None) -> Place:
    """Return where the component's extras stand."""
    return _overridden(component, "extras", places, target) or places.at("components", component.spelled, "extras")


def place_of_build(component: Component, *, places: Places, target: str) -> Place:
    """Return where it is said which build of a component is taken: by its index, else by its version."""
    overridden = _overridden(component, "index", places, target)
    if overridden is None and ("components", component.spelled, "index") in places.lines:
        return places.at("components", component.spelled, "index")
    return overridden or place_of_version(component, places=places, target=target)


def _overridden(component: Component, key: str, places: Places, target: str | None) -> Place | None:
    for path in places.lines if target is not None else ():
        match path:
            case ("targets", name, "components", str(spelled), found) if name == target and found == key:
                if canonicalize_name(spelled) == component.name:
                    return places.at(*path)
            case _:
                pass
    return None


def place_of_virtual(name: str, *, target: Target, places: Places) -> Place:
    """Return where the manifest gives the target a virtual project: by its own key, or by the base image that implies it."""
    stated = ("targets", target.name, _KEYS.get(name, name))
    if name.startswith(_BASE):
        return places.at("targets", target.name, "base")
    if name in _IMPLIED and stated not in places.lines:
        return places.at("targets", target.name, "base")
    return places.at(*stated)
