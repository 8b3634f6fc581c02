"""Programs whose processes come and go: none are started here."""
