"""The nouns of Étude: frozen records, protocols, errors. No behaviour beyond validation."""
