"""Train and evaluate the networks."""
