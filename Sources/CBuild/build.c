#include "CBuild.h"

const char *drover_version(void) { return DROVER_VERSION; }
const char *drover_commit(void) { return DROVER_COMMIT; }
const char *drover_swift_version(void) { return DROVER_SWIFT_VERSION; }
