"""History: replays, redrives, and looking at what has happened. Nothing here calls Rokt."""
