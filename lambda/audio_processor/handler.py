"""sendAudio and sendCaption. Errors are pushed: the routes have no response."""

import os

from shared.entrypoints.websocket import LambdaHandler, Result, message_handler
from shared.entrypoints.websocket_event import Event
from shared.protocol.interpretation_messages import SendCaption
from shared.protocol.message_base import action_of
from shared.protocol.messages import SendAudio
from shared.utils.validators import validate_audio_message_size, validate_control_message_size
from shared.wiring.audio import AudioApp


def build(app: AudioApp) -> LambdaHandler:
    """Build the handler. Each route has its own message size limit."""
    audio = message_handler(
        {SendAudio: app.audio_service.send_audio},
        check_size=validate_audio_message_size,
        telemetry=app.telemetry,
        push_error=app.push_error,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )
    captions = message_handler(
        {SendCaption: app.caption_service.send_caption},
        check_size=validate_control_message_size,
        telemetry=app.telemetry,
        push_error=app.push_error,
        admit=app.token_rights.admit,
        closer=app.abusive_connections,
    )

    def handler(event: Event, context: object) -> Result:
        is_caption = event["requestContext"]["routeKey"] == action_of(SendCaption)
        return (captions if is_caption else audio)(event, context)

    return handler


lambda_handler = build(AudioApp(os.environ))
