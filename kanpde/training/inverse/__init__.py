"""Unknown numbers from readings: the last steps, their error bars, and what the readings say."""
