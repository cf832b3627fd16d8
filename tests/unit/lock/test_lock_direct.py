"""Files that components name themselves, in a lock: their text, and the proof that pins and components agree."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding, LockError, Place
from stackc.lock.codec import decode, encode
from stackc.lock.model import DirectFile, Lock, LockedFile, Package, Root
from stackc.lock.proof import prove
from unit.lock.lock_samples import AGAIN, FILE, LOCK, MATRIX, package

WHEEL = "flash_attn-2.7.4.post1+cu12-cp310-cp310-linux_x86_64.whl"
DIRECT = DirectFile(kind="url", file=WHEEL, sha256="d" * 64)
ROOT = Root(requirement="flash-attn==2.7.4.post1", direct=DIRECT)


def pinned(**changes: object) -> Package:
    """Return the pin of the root."""
    made = package("flash-attn", "2.7.4.post1", step=LOCK.last_step, why=("stack.toml ==2.7.4.post1",))
    made = replace(made, index=None, direct="url", file=LockedFile(name=WHEEL, sha256="d" * 64))
    return replace(made, **changes)


def lock(*, root: Root = ROOT, pin: Package | None = None) -> Lock:
    good = LOCK
    packages = sorted((*good.packages, pin or pinned()), key=lambda each: each.name)
    return replace(good, roots=(*good.roots, root), packages=tuple(packages))


def proved(made: Lock) -> tuple[Finding, ...]:
    return prove(made, matrix=MATRIX)


def test_a_pin_that_is_its_components_file_proves() -> None:
    assert proved(lock()) == ()


@pytest.mark.parametrize("version", ["2.7.4.post1+cu12", "2.7.4.post1"])
def test_the_name_of_the_file_may_have_a_label_that_its_metadata_lack(version: str) -> None:
    assert proved(lock(pin=pinned(version=Version(version)))) == ()


@pytest.mark.parametrize("version", ["2.7.4.post1+cu11", "2.7.4"])
def test_any_other_version_is_another_releases_file(version: str) -> None:
    codes = [finding.code for finding in proved(lock(pin=pinned(version=Version(version))))]
    assert "S415" in codes


def test_a_file_of_an_index_has_the_very_version_of_its_name() -> None:
    pin = pinned(index="pypi", direct=None)
    root = replace(ROOT, direct=None)
    assert [finding.code for finding in proved(lock(root=root, pin=pin))] == ["S415"]


@pytest.mark.parametrize(
    ("pin", "wanted", "found"),
    [
        (pinned(direct="path"), "the url in stack.toml", "the path in stack.toml"),
        (pinned(direct=None, index="pypi"), "the url in stack.toml", "index pypi"),
        (pinned(index="pypi"), "the url in stack.toml", "the url in stack.toml"),
    ],
)
def test_a_pin_comes_from_where_its_component_says(pin: Package, wanted: str, found: str) -> None:
    key = "index" if pin.direct is None else "direct"
    assert [finding for finding in proved(lock(pin=pin)) if finding.code.startswith("S43")] == [
        Finding(
            code="S430",
            message="`flash-attn` does not come from where its component says",
            places=(Place(file=FILE, path=("package", "flash-attn", key)),),
            wanted=wanted,
            found=found,
            hint=AGAIN,
        )
    ]


def test_a_pin_is_direct_only_where_its_component_is() -> None:
    (found,) = proved(lock(root=replace(ROOT, direct=None)))
    assert (found.code, found.wanted, found.found) == ("S430", "an index", "the url in stack.toml")


@pytest.mark.parametrize("change", [{"sha256": "e" * 64}, {"file": WHEEL.replace("cu12", "cu11")}])
def test_a_pins_file_is_the_one_that_its_component_names(change: dict[str, str]) -> None:
    root = replace(ROOT, direct=replace(DIRECT, **change))
    named = root.direct
    assert named is not None
    assert proved(lock(root=root)) == (
        Finding(
            code="S431",
            message="the file of `flash-attn` is not the one that its component names",
            places=(Place(file=FILE, path=("package", "flash-attn", "file")),),
            wanted=f"{named.file}, sha256 {named.sha256}",
            found=f"{WHEEL}, sha256 {'d' * 64}",
            hint=AGAIN,
        ),
    )


def test_a_root_has_one_source() -> None:
    codes = [finding.code for finding in proved(lock(root=replace(ROOT, index="pypi")))]
    assert codes == ["S430"]


def test_a_tool_is_never_direct() -> None:
    good = lock()
    tools = tuple(replace(tool, index=None, direct="path") for tool in good.tools)
    assert {finding.code for finding in proved(replace(good, tools=tools))} == {"S430"}
    assert len(tools) > 0


def test_a_lock_holds_no_address_and_reads_back() -> None:
    text = encode(lock())
    assert f'direct = "url", file = "{WHEEL}", sha256 = "{"d" * 64}" }},' in text
    assert '\nname = "flash-attn"\nversion = "2.7.4.post1"\ndirect = "url"\nstep = ' in text
    assert "://" not in text
    assert decode(text, file=FILE) == lock()


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ('direct = "url"\nstep', 'direct = "git"\nstep', "S407", "`direct` has the wrong form"),
        ('direct = "url"\nstep', 'direct = "url"\nindex = "pypi"\nstep', "S404", "the key `index` is unknown beside `direct`"),
        ('direct = "url", ', "", "S404", "the key `file` is unknown"),
        (f', sha256 = "{"d" * 64}" }},', " },", "S405", "`sha256` is missing"),
        (f'file = "{WHEEL}", sha256', 'file = "x.whl", sha256', "S410", "`file` is not the name of a wheel or an sdist"),
    ],
)
def test_a_text_that_says_it_otherwise_is_refused(old: str, new: str, code: str, message: str) -> None:
    text = encode(lock())
    assert old in text
    with pytest.raises(LockError) as raised:
        decode(text.replace(old, new), file=FILE)
    assert (code, message) in [(finding.code, finding.message) for finding in raised.value.findings]
