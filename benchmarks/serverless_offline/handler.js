// The echo app's functions, as they run in serverless-offline: see ../echo/asset.code/functions.py.
"use strict";

exports.life = async () => ({ statusCode: 200 });

exports.echo = async (event) => ({ statusCode: 200, body: event.body });

exports.whoami = async (event) => ({ statusCode: 200, body: event.requestContext.connectionId });
