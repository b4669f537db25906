"""What the project needs around the product: set-up and the Hummingbot home."""
