"""The parts that several commands share: exit codes, options, signals."""
