"""The acoustic model's choices side by side: an equal budget, the same measures, a paper's table."""
