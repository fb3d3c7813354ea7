"""Everything that knows the insides of the OpenMMLab libraries."""
