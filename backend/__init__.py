"""Everything that Lanewright knows and does, without Qt: usable from a script and from `lanewright-cli`."""
