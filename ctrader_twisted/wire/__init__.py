"""Bytes to envelopes and back. Nothing here knows what a conversation is, or what Twisted is."""
