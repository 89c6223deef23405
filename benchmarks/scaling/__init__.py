"""Time and cost of trainings and predictions from one CPU to many GPUs: measured here, fitted, and worked out."""
