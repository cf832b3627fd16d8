"""Why nothing fits: the smallest reason in the manifest's own lines, and the changes of one line that were seen to help."""
