"""Evidence: rules of the matrix, tried for real in throw-away environments."""
