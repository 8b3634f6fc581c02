"""The parts that DataLoader is made of: fetching, collating, workers and what they send."""
