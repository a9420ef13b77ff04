"""Spends a budget on people, offers, times and places under every bound the shop set."""
