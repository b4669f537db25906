"""The trade log: predictions, their outcomes, the bot's trades and the server's health."""
