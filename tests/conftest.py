"""Settings that all tests share."""

from hypothesis import settings

# The first call of a kernel compiles it; a deadline would blame the drawn example for that.
settings.register_profile("kernels compile", deadline=None)
settings.load_profile("kernels compile")
