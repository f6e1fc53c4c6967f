"""What the way of a user's module or file to a chip costs: accuracy, time, words that differ."""
