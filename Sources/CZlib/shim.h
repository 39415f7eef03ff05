// The system's zlib; the release build links its archive statically.
#include <zlib.h>
