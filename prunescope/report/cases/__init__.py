"""The answers of the case studies: advise, select, tune, calibrate."""
