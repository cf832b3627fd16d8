"""The guard: no requirements-like file may bring in what an ordered step of the image installs.

Terminology: a *reader* turns one kind of file into *items*: *occurrences* (a requirement as written, and the projects that it
may stand for), *includes*, *options* that name an index, and *troubles*. The *policy* says which projects are kept out. The
*judge* turns items into *verdicts*, the *words* make findings of them, the *fix* deletes lines.

Up to the verdicts everything imports but `re` and `tomli`: a hook that finds nothing must not be felt. That is also
why no maintained parser of requirements files is used. On the cases that the guard's tests name, pip-requirements-parser 32.0.1
comes nearest, but it takes 100 ms to import, gives no columns and no bytes, calls a requirement with an option behind it
invalid, and has had no release since 2022. requirements-parser 0.13.1 and dparse 0.6.4 miss continuations, wheel files,
editable forms and every encoding but one. pip's own has no stable interface and takes 200 ms. The grammar in `requirements` is
held to pip's own by property tests instead. YAML is read by PyYAML and TOML by tomli, where a text has anything that could
matter.
"""
