"""Closed sets of words that messages and stored values share."""

from __future__ import annotations

from typing import Literal

Role = Literal["speaker", "listener", "interpreter"]
# Who is heard in a language.
ChannelSource = Literal["floor", "human", "machine"]
EndReason = Literal["ended", "speakerLeft"]
# Why a speaker is sent a status.
UpdateReason = Literal["requested", "periodic", "listenerCountChange", "newLanguage"]
