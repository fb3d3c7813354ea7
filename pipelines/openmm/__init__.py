"""Everything that knows the insides of the OpenMMLab libraries."""
from pipelines.openmm.compat import startup

startup.install()  # whatever imports mmcv's operators or mmagic after this package finds them
