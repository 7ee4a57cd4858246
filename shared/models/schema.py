"""Names of key attributes and indexes, shared by the stack and the repositories."""

from __future__ import annotations

SESSION_ID = "sessionId"
CONNECTION_ID = "connectionId"
SEAT = "seat"
LAST_ACTIVITY_TIME = "lastActivityTime"
CONNECTED_AT = "connectedAt"
# When another connection took the seat over (ms). The row is not counted from then on.
REPLACED_AT = "replacedAt"
# When the connection took its seat (ms).
SEATED_AT = "seatedAt"
USER_ID = "userId"
# Expiry (ms) and comma-separated groups of a renewed token.
AUTHENTICATED_UNTIL = "authenticatedUntil"
AUTHENTICATED_GROUPS = "authenticatedGroups"
# When the audio sent by a source ends (ms); see shared/data_access/audio_accounts.py.
AUDIO_COVERED_UNTIL = "audioCoveredUntil"
# End of an interpreter's lease as renewed, and when it last sent audio (ms); see
# shared/data_access/interpreter_leases.py.
LEASE_UNTIL = "leaseUntil"
HEARD_AT = "heardAt"
# Hash of the secret that permits a takeover of the seat (shared/utils/resume_token.py).
RESUME_HASH = "resumeHash"

# When the timer of the session's next status was set (ms); absent if no status is armed.
STATUS_PENDING = "statusPending"
# Content of the session's last status, and when it was sent (ms).
STATUS_COUNT = "statusCount"
STATUS_LANGUAGES = "statusLanguages"
STATUS_TIME = "statusTime"

# announcements: active announcements, acknowledgements and counts (shared/announcements)
ANNOUNCEMENT_KEY = "announcementKey"
# devices: a user's devices, their content state and commands, by userId and item
DEVICE_ITEM = "item"

# Partition keys that spread an index. Rows without the attribute are not in the index.
ACTIVE_BUCKET = "activeBucket"
ACTIVITY_BUCKET = "activityBucket"
ONLINE_BUCKET = "onlineBucket"

# When DynamoDB may delete a row, in seconds since the epoch as TTL requires. All others are ms.
EXPIRES_AT = "expiresAt"

# sessions: activeBucket, sessionId
ACTIVE_INDEX = "active"
# connections: sessionId, seat
AUDIENCE_INDEX = "audience"
# connections: activityBucket, lastActivityTime, and the attributes of PRESENCE
IDLE_INDEX = "idle"
# Projected attributes of the idle index: one query per bucket reads all connections with their
# users and seats.
PRESENCE = (USER_ID, CONNECTED_AT, SESSION_ID, SEAT, SEATED_AT, REPLACED_AT)
# devices: onlineBucket, userId
ONLINE_INDEX = "online"
