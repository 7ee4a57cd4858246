"""Fan-out: audiences, rosters, shards, and the posts to @connections."""
