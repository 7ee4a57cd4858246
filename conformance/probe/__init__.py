"""The probe's one function: code that runs on Lambda, with nothing but the runtime's packages."""
