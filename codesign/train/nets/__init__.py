"""Networks in training: what they are made of, the quantized one, and its full-precision baseline."""
