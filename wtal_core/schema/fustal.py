"""The sections of params.yaml that FuSTAL's stages read, and what each holds; torch-free."""

from wtal_core.schema.fustal_filter import FustalFilterParams
from wtal_core.schema.fustal_generate import FustalGenerateParams
from wtal_core.schema.fustal_propose import FustalProposeParams
from wtal_core.schema.student import StudentParams

FUSTAL: dict[str, type] = {
    "fustal_generate": FustalGenerateParams,
    "fustal_propose": FustalProposeParams,
    "fustal_filter": FustalFilterParams,
    "student": StudentParams,
}
