"""One cached training: run at most once, resumed after a kill, its result kept."""
