"""What has aged or moved: locks held against what their indexes have now."""
