"""Small tools of the functions: settings, clock, identifiers, validators, signing, routing."""
