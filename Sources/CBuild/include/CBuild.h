// What a build is made of, as scripts/release.sh says it in the environment of Package.swift.
#ifndef DROVER_CBUILD_H
#define DROVER_CBUILD_H

const char *_Nonnull drover_version(void);
const char *_Nonnull drover_commit(void);
const char *_Nonnull drover_swift_version(void);

#endif
