"""Side by side with what else there is: each command times lightune and its peers in one run, turn by turn."""
