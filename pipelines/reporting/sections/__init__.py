"""The page's sections: a module and a template part each, found by `pipelines.reporting.section.discover`."""
