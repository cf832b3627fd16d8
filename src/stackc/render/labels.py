"""The labels of an image, by the annotations of the OCI image specification, and what they are digests of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from stackc.lock.model import Lock
from stackc.manifest.model import BaseImage, Manifest

__all__ = ["inputs_digest", "labels", "qualified"]

_DEFAULT_REGISTRY = "docker.io"


def labels(lock: Lock, *, manifest: Manifest, base: BaseImage) -> Mapping[str, str]:
    """Return name → text, sorted; the manifest's own go before stackc's. `base` is what the image is made from.

    No label holds a moment: the same inputs give the same image.
    """
    known = {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.base.name": qualified(base),
        "org.opencontainers.image.base.digest": base.digest,
        "stackc.inputs": inputs_digest(lock),
        "stackc.target": lock.target.name,
    }
    given = {name: text for name, text in known.items() if text is not None}
    return dict(sorted({**given, **manifest.image.labels}.items()))


def inputs_digest(lock: Lock) -> str:
    """Return `sha256:<hex>` over the digests of what the lock was compiled from: manifest, matrix and templates."""
    lines = "\n".join((lock.inputs.manifest, lock.inputs.matrix, lock.inputs.templates))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def qualified(image: BaseImage) -> str:
    """Return an image's reference without its digest and with the registry that Docker would assume."""
    name = image.reference.partition("@")[0]
    local = image.repository if image.tag is None else f"{image.repository}:{image.tag}"
    if name != local:
        return name
    return f"{_DEFAULT_REGISTRY}/{name}" if "/" in image.repository else f"{_DEFAULT_REGISTRY}/library/{name}"
