"""The report's parts: what was found, sections, pictures, figures, words, and the page's template."""
