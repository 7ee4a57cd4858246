"""Audio and captions: what may be heard, by whom, and until when."""
