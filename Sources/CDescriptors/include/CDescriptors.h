// The process's limit of open descriptors, and what keeps the Swift runtime alive when they run out.
#ifndef DROVER_CDESCRIPTORS_H
#define DROVER_CDESCRIPTORS_H

/// The most descriptors that the process may have open; -1 when the system does not say.
long drover_descriptor_limit(void);

/// Raises that limit to what the system allows the process, at most to `wanted`; returns the limit afterwards.
long drover_raise_descriptor_limit(long wanted);

/// A number that is never an open descriptor, which `open` returns for a worker's `/proc/N/stat` when there is none left.
int drover_absent_descriptor(void);

/// What `open` returns where the system refused `path` with `error`, an errno: that number, or -1.
int drover_refused_open(const char *_Nonnull path, int error);

#endif
