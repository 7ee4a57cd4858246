"""Settings of the functions, read once from environment variables.

Loading reports all faults together. Environment names are defined only here; the stack sets exactly
those that a function's settings class declares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shared.models.connection import CONNECTION_LIFETIME_MS
from shared.utils import setting_values

SESSIONS_TABLE = "SESSIONS_TABLE"
CONNECTIONS_TABLE = "CONNECTIONS_TABLE"
ANNOUNCEMENTS_TABLE = "ANNOUNCEMENTS_TABLE"
ANNOUNCEMENT_QUEUE_URL = "ANNOUNCEMENT_QUEUE_URL"
DEVICES_TABLE = "DEVICES_TABLE"
SYNC_SECRET_ID = "SYNC_SECRET_ID"
CONNECTION_LIFETIME_SECONDS = "CONNECTION_LIFETIME_SECONDS"
API_GATEWAY_ENDPOINT = "API_GATEWAY_ENDPOINT"
FANOUT_CONCURRENCY = "FANOUT_CONCURRENCY"
MAX_LISTENERS = "MAX_LISTENERS"
SHARD_SIZE = "SHARD_SIZE"
BROADCAST_FUNCTION = "BROADCAST_FUNCTION"
SPEAKER_GRACE_SECONDS = "SPEAKER_GRACE_SECONDS"
CONNECTION_IDLE_TIMEOUT_SECONDS = "CONNECTION_IDLE_TIMEOUT_SECONDS"
DISCONNECT_HANDLER_FUNCTION = "DISCONNECT_HANDLER_FUNCTION"
TIMER_QUEUE_URL = "TIMER_QUEUE_URL"
STATUS_QUEUE_URL = "STATUS_QUEUE_URL"
INTERPRETER_FUNCTION = "INTERPRETER_FUNCTION"
INTERPRETER_SILENCE_SECONDS = "INTERPRETER_SILENCE_SECONDS"
INTERPRETATION_ENGINES = "INTERPRETATION_ENGINES"
INTERPRETER_RUN_SECONDS = "INTERPRETER_RUN_SECONDS"
MAX_INTERPRETED_SESSIONS = "MAX_INTERPRETED_SESSIONS"
HANDSHAKE_DELAYS = "HANDSHAKE_DELAYS"
WEBSOCKET_URL = "WEBSOCKET_URL"
TOKEN_ISSUER = "TOKEN_ISSUER"
TOKEN_CLIENT_ID = "TOKEN_CLIENT_ID"
TOKEN_TOLERANCE_SECONDS = "TOKEN_TOLERANCE_SECONDS"
ALLOWED_ORIGINS = "ALLOWED_ORIGINS"

SettingsType = TypeVar("SettingsType", bound="Settings")


class SettingsError(Exception):
    """Settings are missing or invalid; the message lists all of them."""


class _Required:
    """Stands for the default of a setting that has none."""


class Setting:
    """A setting in a class of Settings: its environment name, parser and default.

    It is a read-only attribute of the loaded settings. Dataclasses with as many fields would take
    11 ms of every cold start.
    """

    def __init__(self, name: str, parse: Callable[[str], object], default: object) -> None:
        self.name = name
        self.parse = parse
        self.default = default

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is _Required

    def __get__(self, settings: Settings | None, owner: type[Settings]) -> object:
        return self if settings is None else settings.values[self.name]

    def __set__(self, settings: Settings, value: object) -> None:
        raise AttributeError(f"{self.name} cannot be changed")

    def read(self, environment: Mapping[str, str]) -> object:
        """Read the value. Raises ValueError with the name and what is wrong."""
        text = environment.get(self.name, "")
        if text:
            try:
                return self.parse(text)
            except ValueError as fault:
                raise ValueError(f"{self.name}: {fault}") from fault
        if self.is_required:
            raise ValueError(f"{self.name}: missing")
        return self.default


def _setting(
    name: str, parse: Callable[[str], object] = str, default: object = _Required
) -> Any:  # Any, as in dataclasses.field: the annotation beside it says the type
    return Setting(name, parse, default)


class Settings:
    """Base class of all settings."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values

    @classmethod
    def declared(cls) -> list[Setting]:
        """The settings that this class reads, those of its base classes first."""
        members = [member for base in reversed(cls.__mro__) for member in vars(base).values()]
        return [member for member in members if isinstance(member, Setting)]

    @classmethod
    def names(cls) -> list[str]:
        """Environment names that this class reads."""
        return [setting.name for setting in cls.declared()]

    @classmethod
    def required_names(cls) -> list[str]:
        """Environment names without a default."""
        return [setting.name for setting in cls.declared() if setting.is_required]


class ConnectSettings(Settings):
    """Connections table."""

    connections_table: str = _setting(CONNECTIONS_TABLE)


class HandshakeSettings(ConnectSettings):
    """Settings of the connect function: concurrent delays of abusive addresses."""

    handshake_delays: int = _setting(HANDSHAKE_DELAYS, setting_values.positive, 20)


class IssuerSettings(Settings):
    """Issuer of access tokens, and the client they must be for."""

    token_issuer: str = _setting(TOKEN_ISSUER, setting_values.http_url)
    token_client_id: str = _setting(TOKEN_CLIENT_ID)


class AuthorizerSettings(IssuerSettings):
    """Settings of the authorizer: allowed browser origins; empty means any."""

    allowed_origins: tuple[str, ...] = _setting(ALLOWED_ORIGINS, setting_values.origins, ())


class TicketSettings(Settings):
    """Table with the tickets of sessions' machine interpreters."""

    sessions_table: str = _setting(SESSIONS_TABLE)


class AdmissionSettings(AuthorizerSettings, TicketSettings):
    """All settings of the authorizer, which reads the table only for tickets."""


class RightsSettings(Settings):
    """Time (s) for which a connection keeps its rights after its token has expired."""

    token_tolerance_seconds: int = _setting(
        TOKEN_TOLERANCE_SECONDS, setting_values.not_negative, 60
    )


class SenderSettings(Settings):
    """Endpoint and concurrency for sending to connections."""

    api_gateway_endpoint: str = _setting(API_GATEWAY_ENDPOINT, setting_values.http_url)
    fanout_concurrency: int = _setting(FANOUT_CONCURRENCY, setting_values.positive, 100)


class SessionSettings(ConnectSettings, SenderSettings, RightsSettings):
    """Settings of all functions that work on sessions and send to connections."""

    sessions_table: str = _setting(SESSIONS_TABLE)
    status_queue_url: str = _setting(STATUS_QUEUE_URL, setting_values.http_url)
    max_listeners: int = _setting(MAX_LISTENERS, setting_values.positive, 10_000)
    # Connection lifetime reported to clients (s).
    connection_lifetime_seconds: int = _setting(
        CONNECTION_LIFETIME_SECONDS, setting_values.lifetime, CONNECTION_LIFETIME_MS // 1000
    )


class FloorSettings(SessionSettings):
    """Settings of functions that may start a speaker's grace period (s)."""

    timer_queue_url: str = _setting(TIMER_QUEUE_URL, setting_values.http_url)
    speaker_grace_seconds: int = _setting(SPEAKER_GRACE_SECONDS, setting_values.queue_delay, 60)


class FanoutSettings(SessionSettings):
    """Settings of functions that fan out in shards of `shard_size`."""

    broadcast_function: str = _setting(BROADCAST_FUNCTION)
    shard_size: int = _setting(SHARD_SIZE, setting_values.positive, 500)


class AudioSettings(FanoutSettings):
    """Settings of the audio functions.

    A human interpreter who is silent for `interpreter_silence_seconds` while the floor speaks loses
    the channel; 0 means never.
    """

    interpreter_silence_seconds: int = _setting(
        INTERPRETER_SILENCE_SECONDS, setting_values.not_negative, 0
    )


class CleanUpSettings(Settings):
    """Function that cleans up after closed connections."""

    disconnect_handler_function: str = _setting(DISCONNECT_HANDLER_FUNCTION)


class AnnouncementTableSettings(Settings):
    """Table of announcements, and the queue for their redelivery."""

    announcements_table: str = _setting(ANNOUNCEMENTS_TABLE)
    announcement_queue_url: str = _setting(ANNOUNCEMENT_QUEUE_URL, setting_values.http_url)


class InterpreterStartSettings(Settings):
    """Function that runs machine interpreters."""

    interpreter_function: str = _setting(INTERPRETER_FUNCTION)


class InterpreterSettings(InterpreterStartSettings):
    """Settings of the interpreter function: WebSocket URL and length of a run (s)."""

    sessions_table: str = _setting(SESSIONS_TABLE)
    websocket_url: str = _setting(WEBSOCKET_URL, setting_values.websocket_url)
    interpreter_run_seconds: int = _setting(
        INTERPRETER_RUN_SECONDS, setting_values.run_seconds, setting_values.MOST_RUN_SECONDS
    )


class ControlSettings(
    FloorSettings, AnnouncementTableSettings, InterpreterStartSettings, IssuerSettings
):
    """Settings of the control function: engines, and maximum interpreted sessions."""

    interpretation_engines: tuple[str, ...] = _setting(
        INTERPRETATION_ENGINES, setting_values.engines, ("aws",)
    )
    # Four fifths of Transcribe's 25 streams: a session needs a second one while its run changes.
    max_interpreted_sessions: int = _setting(MAX_INTERPRETED_SESSIONS, setting_values.positive, 20)


class AnnouncementSettings(FanoutSettings, AnnouncementTableSettings):
    """Settings of the announcements function."""


class SweepSettings(SessionSettings, CleanUpSettings, InterpreterStartSettings):
    """Settings of the timeout function: idle time (s) of connections to close."""

    connection_idle_timeout_seconds: int = _setting(
        CONNECTION_IDLE_TIMEOUT_SECONDS, setting_values.idle_timeout, 120
    )


class DevicesSettings(Settings):
    """Table of devices."""

    devices_table: str = _setting(DEVICES_TABLE)


class DisconnectSettings(FloorSettings, DevicesSettings):
    """Settings of the disconnect function, which also removes devices."""


class DeviceSyncSettings(
    ConnectSettings, SenderSettings, CleanUpSettings, DevicesSettings, RightsSettings
):
    """Settings of the device_sync function: secret that signs its webhooks."""

    sync_secret_id: str = _setting(SYNC_SECRET_ID)


def load(settings: type[SettingsType], environment: Mapping[str, str]) -> SettingsType:
    """Read `settings` from `environment`. Raises SettingsError listing all faults."""
    values: dict[str, object] = {}
    faults: list[str] = []
    for setting in settings.declared():
        try:
            values[setting.name] = setting.read(environment)
        except ValueError as fault:
            faults.append(str(fault))
    if faults:
        raise SettingsError("; ".join(faults))
    return settings(values)


def tunable() -> dict[str, Callable[[str], object]]:
    """Settings that operators may change, with their parsers: those with a default.

    The stack determines the others.
    """
    found: dict[str, Callable[[str], object]] = {}
    waiting = Settings.__subclasses__()
    while waiting:
        settings = waiting.pop()
        waiting += settings.__subclasses__()
        found |= {each.name: each.parse for each in settings.declared() if not each.is_required}
    return found


def check_tunable(given: Mapping[str, str]) -> None:
    """Check operators' settings.

    Raises SettingsError listing unknown names and invalid values.
    """
    known = tunable()
    faults: list[str] = []
    for name, text in given.items():
        if name not in known:
            faults.append(f"{name}: no such setting; there are: {', '.join(sorted(known))}")
            continue
        try:
            known[name](text)
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
    if faults:
        raise SettingsError("; ".join(faults))
