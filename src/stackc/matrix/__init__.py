"""The compatibility matrix: rules and facts as data, checked exactly."""
