"""Networks from outside: an ordinary nn.Module becomes an integer network."""
