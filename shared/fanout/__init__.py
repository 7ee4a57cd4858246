"""Fan-out: audiences, rosters, shards and posts to @connections."""
