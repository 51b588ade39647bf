"""What is measured side by side, in one run, as ratios; results with machine facts in results/."""
