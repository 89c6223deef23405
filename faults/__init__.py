"""What goes wrong with machines, disks and input, made to happen: see docs/reliability.md."""
