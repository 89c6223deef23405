"""What the commands share: rows, the model, processes, turns, ratios, tables."""
