from __future__ import annotations

import datetime as dt

from stackc.cli.pages import list_text, page_text
from stackc.lookup.listing import Listing, TableNote
from stackc.lookup.page import Entry, KnownFact, Page, Row, Sample, Table, TrialSeen, weakest

DAY = dt.date(2026, 11, 23)
ENTRY = Entry(
    id="app-base",
    severity="error",
    says=("app<2 needs base<3",),
    because="app before 2 reads what base 3 no longer writes, which nobody who wrote either of them had thought of before",
    source="example.org/app",
    date=DAY,
    origin="rules/own.toml",
    proved="proved",
    waived=False,
)
MANY = Entry(
    id="app-many",
    severity="warning",
    says=tuple(f"app=={number} needs base>={number}" for number in range(7)),
    because="it says so itself",
    source="example.org/base",
    date=DAY,
    origin="builtin/facts/app.toml",
    proved="from facts",
    waived=True,
)
PAGE = Page(
    kind="release",
    name="app",
    release="1.9",
    facts=(
        KnownFact(key="released", value="2026-01-02", status="verified", source="example.org/app", date=DAY),
        KnownFact(key="pythons", value=("3.9", "3.10", "3.11"), status="verified", source="example.org/app", date=DAY),
        KnownFact(key="needs-base", value=">=1", status="inferred", source="a wheel", date=DAY),
    ),
    tables=(
        Table(
            key="builds",
            rows=(
                Row(
                    cells={"index": "pypi", "cuda": "12.4", "architectures": ("sm_80", "sm_90"), "ptx": ()},
                    status="verified",
                    source="a wheel",
                ),
                Row(
                    cells={"index": "cu118", "cuda": "11.8", "architectures": tuple(f"sm_{n}" for n in range(30, 91, 10))},
                    status="reported",
                    source="example.org/app",
                ),
            ),
        ),
    ),
    rules=(ENTRY, MANY),
)


def test_a_page_has_facts_tables_rules_and_numbered_sources() -> None:
    assert (
        page_text(PAGE, width=60)
        == """\
app 1.9

  released    2026-01-02 [1]
  Python      3.9-3.11 [1]
  needs base  >=1 (inferred) [2]

builds
  index  CUDA  code for                     status    source
  pypi   12.4  sm_80, sm_90                 verified  [2]
  cu118  11.8  sm_30, sm_40, sm_50, sm_60,  reported  [1]
               sm_70, sm_80, sm_90

rules
  app-base (proved) [1]
    app<2 needs base<3
    app before 2 reads what base 3 no longer writes, which
    nobody who wrote either of them had thought of before
  app-many (warning, from facts, waived) [3]
    2 before these: `stackc matrix show app-many`
    app==2 needs base>=2
    app==3 needs base>=3
    app==4 needs base>=4
    app==5 needs base>=5
    app==6 needs base>=6
    it says so itself

sources
  [1] example.org/app
  [2] a wheel
  [3] example.org/base
"""
    )


def test_the_rows_of_a_long_table_show_no_sources() -> None:
    rows = tuple(Row(cells={"version": f"1.{n}", "torch": f"=={n}.0"}, status="verified", source=f"{n}") for n in range(13))
    text = page_text(Page(kind="project", name="app", tables=(Table(key="releases", rows=rows),)), width=60)
    assert text.splitlines()[:5] == ["app", "", "releases", "  version  torch", "  1.0      0.0"]
    assert text.splitlines()[-2:] == ["  1.12     12.0", "  (--format json gives the source of each row)"]


def test_a_page_without_anything_says_so() -> None:
    assert page_text(Page(kind="project", name="app"), width=60) == "app\n\nno table and no rule says anything of it\n"
    assert page_text(Page(kind="project", name="app", notes=("no table has it",)), width=60) == "app\nno table has it\n"


def test_a_rule_s_page_has_its_cases_and_what_was_seen() -> None:
    page = Page(
        kind="rule",
        name="app-base",
        rules=(ENTRY,),
        probe="import app\napp.read()",
        cases=(Sample(pins={"app": "1.9", "base": "3.0"}, broken=True), Sample(pins={"app": "2.0"}, broken=False)),
        platform="linux/amd64",
        tried_on=DAY,
        trials=(
            TrialSeen(combination="broken", python="3.12.1", versions={"app": "1.9", "base": "3.0"}, status=-11, last_line=""),
            TrialSeen(combination="working", python="3.12.1", versions={"app": "1.9"}, status=1, last_line="Error: \x1b[31mno"),
        ),
    )
    assert (
        page_text(page, width=60)
        == """\
rule app-base (proved)

  app<2 needs base<3

  because app before 2 reads what base 3 no longer writes,
  which nobody who wrote either of them had thought of
  before
  source  example.org/app
  date    2026-11-23
  from    rules/own.toml

  probe   import app
          app.read()

cases
  breaks  app 1.9, base 3.0
  keeps   app 2.0

tried on 2026-11-23, linux/amd64
  broken    app 1.9, base 3.0 with Python 3.12.1: signal 11
  working   app 1.9 with Python 3.12.1: exit 1
            Error: \\x1b[31mno
"""
    )


def test_the_list_is_by_origin_with_counts_and_tables() -> None:
    tables = (
        TableNote(name="torch", rows=30, newest="2.15.0", date=DAY),
        TableNote(name="families", rows=0, newest=None, date=None),
    )
    assert (
        list_text(Listing(rules=(ENTRY, MANY), tables=tables), width=60)
        == """\
rules/own.toml
  app-base (proved)
    app<2 needs base<3

builtin/facts/app.toml
  app-many (warning, from facts, waived)
    7 rows: it says so itself

2 rules: 1 proved by running, 1 from facts, 1 waived

table of facts  rows  newest  read
torch           30    2.15.0  2026-11-23
families        0
"""
    )


def test_the_weakest_status_counts() -> None:
    assert weakest(["verified", "copy", "single-source"]) == "copy"
    assert weakest([]) == "verified"
