#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CDescriptors.h"

#include <sys/resource.h>

long drover_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 1L << 30 ? 1L << 30 : (long)limit.rlim_cur;
}

long drover_raise_descriptor_limit(long wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    rlim_t target = (rlim_t)wanted;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < target) target = limit.rlim_max;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < target) {
        limit.rlim_cur = target;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return drover_descriptor_limit();
}

#if defined(__linux__)
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int drover_absent_descriptor(void) { return INT_MAX; }

/// Whether `path` is /proc/N/stat.
static int is_stat_of_a_thread(const char *path) {
    if (strncmp(path, "/proc/", 6) != 0) return 0;
    const char *digits = path + 6;
    const size_t count = strspn(digits, "0123456789");
    return count > 0 && strcmp(digits + count, "/stat") == 0;
}

int drover_refused_open(const char *path, int error) {
    return (error == EMFILE || error == ENFILE) && is_stat_of_a_thread(path) ? drover_absent_descriptor() : -1;
}

// libdispatch, on which Swift's tasks run, looks once a second at the threads of each queue that has work waiting: it
// opens /proc/N/stat of each (swift-corelibs-libdispatch, src/event/workqueue.c). When that fails for want of a
// descriptor it takes the thread to have vanished and ends the process by SIGILL. It takes a file that cannot be read,
// however, for a thread that does not run, which costs nothing. So it is given a descriptor that cannot be read.
// This definition stands before libc's, for the runtime as for everything else in the process.
int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    const long descriptor = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (descriptor >= 0) return (int)descriptor;
    return drover_refused_open(path, errno);
}
#else
int drover_absent_descriptor(void) { return -1; }
int drover_refused_open(const char *path, int error) { return -1; }
#endif
