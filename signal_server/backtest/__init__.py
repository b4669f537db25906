"""Replay a model's test period with the rules that the bot trades."""
