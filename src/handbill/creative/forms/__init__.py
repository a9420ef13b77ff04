"""Copy for products: one form for each place where it appears, from a search ad to a title."""
