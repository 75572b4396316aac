"""From class scores per snippet to segments in seconds."""
