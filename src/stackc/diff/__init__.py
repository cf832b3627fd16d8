"""What moved between two sets of locks: values in, values out, and the forms that programs and forges read.

Terminology: an *end* is one side of a comparison, the *base* or the *head*, with a manifest's text and its locks. A *move* is
what became of one pin of one lock; a *change* is the same move in one or more targets. A *point* is one line of the headline.
An *edit* is one key of the manifest whose value differs.
"""
