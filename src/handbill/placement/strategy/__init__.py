"""What the log says of when, where, how often and at what price, each with its interval."""
