"""Programs whose processes come and go: a job has as many as it starts with."""
