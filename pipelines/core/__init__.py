"""Formats, boxes, images, manifests: no torch and no OpenMMLab in here."""
