"""Literal types shared by messages and stored values."""

from __future__ import annotations

from typing import Literal

Role = Literal["speaker", "listener", "interpreter"]
# Source of the audio that a language's listeners hear.
ChannelSource = Literal["floor", "human", "machine"]
EndReason = Literal["ended", "speakerLeft"]
# Reason for a status.
UpdateReason = Literal["requested", "periodic", "listenerCountChange", "newLanguage"]
