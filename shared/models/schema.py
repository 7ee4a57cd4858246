"""Names of the tables' key attributes and indexes, once for the stack and for the repositories."""

from __future__ import annotations

SESSION_ID = "sessionId"
CONNECTION_ID = "connectionId"
SEAT = "seat"
LAST_ACTIVITY_TIME = "lastActivityTime"
CONNECTED_AT = "connectedAt"
# When another connection took the seat over (ms); from then on the row counts for nothing.
REPLACED_AT = "replacedAt"
# When the connection sat down (ms).
SEATED_AT = "seatedAt"
USER_ID = "userId"
# Until when (ms) a renewed token is valid, and the groups that it names, separated by commas.
AUTHENTICATED_UNTIL = "authenticatedUntil"
AUTHENTICATED_GROUPS = "authenticatedGroups"
# Until when the audio that a source has sent lasts (ms); see shared/data_access/audio_accounts.py.
AUDIO_COVERED_UNTIL = "audioCoveredUntil"
# The hash of the secret by which the seat may be taken over (shared/utils/resume_token.py).
RESUME_HASH = "resumeHash"

# When the timer of a session's next status was set (ms); there while that status is awaited.
STATUS_PENDING = "statusPending"
# What a session's last status said, and when it was sent (ms).
STATUS_COUNT = "statusCount"
STATUS_LANGUAGES = "statusLanguages"
STATUS_TIME = "statusTime"

# announcements: the active one of a scope, who acknowledged, what was counted (data_access says)
ANNOUNCEMENT_KEY = "announcementKey"
# devices: a user's devices, the state of their contents, their commands, by userId and item
DEVICE_ITEM = "item"

# Hash keys that spread an index over partitions; a row without one does not stand in that index.
ACTIVE_BUCKET = "activeBucket"
ACTIVITY_BUCKET = "activityBucket"
ONLINE_BUCKET = "onlineBucket"

# When DynamoDB may delete a row, in seconds since the epoch (what its TTL wants; the rest is ms).
EXPIRES_AT = "expiresAt"

# sessions: activeBucket, sessionId
ACTIVE_INDEX = "active"
# connections: sessionId, seat
AUDIENCE_INDEX = "audience"
# connections: activityBucket, lastActivityTime, and who is there
IDLE_INDEX = "idle"
# What that index says of each connection beside its keys: everyone who is connected, who they are
# and what they hear, by one query a bucket.
PRESENCE = (USER_ID, CONNECTED_AT, SESSION_ID, SEAT, SEATED_AT, REPLACED_AT)
# devices: onlineBucket, userId
ONLINE_INDEX = "online"
