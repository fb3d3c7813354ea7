"""Raw datasets to COCO: one reader per dataset, one writer."""
