"""Looking things up in the matrix: what is known of a project, a release, a target's part or a rule, and from where."""
