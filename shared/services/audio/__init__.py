"""Audio and captions: admission, pace and delivery."""
