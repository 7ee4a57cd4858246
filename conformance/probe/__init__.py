"""The probe's Lambda function; it uses only the packages of the runtime."""
