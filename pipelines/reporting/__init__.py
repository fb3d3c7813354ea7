"""The report's parts: what was found, pictures, figures, words, and the page's template."""
