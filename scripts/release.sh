#!/usr/bin/env bash
# Builds dist/drover: optimised, stripped, and with everything but glibc linked statically.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=.build-release
# The linker takes the first library that it finds: a folder with archives only, named first, makes it take those.
archives="$PWD/$scratch/static-libraries"
mkdir -p "$archives" dist
for library in libsqlite3.a libz.a; do
    found=$(find /usr/lib /usr/lib64 -name "$library" -print -quit 2>/dev/null || true)
    [ -n "$found" ] || { echo "release: $library was not found; run 'make setup'" >&2; exit 1; }
    ln -sf "$found" "$archives/$library"
done
for library in libstdc++.a libgcc_eh.a; do
    found=$(gcc -print-file-name="$library")
    [ -f "$found" ] || { echo "release: $library was not found; install g++" >&2; exit 1; }
    ln -sf "$found" "$archives/$library"
done

# The tag that the commit has, else the last one and how far it is away; what --version shows. Whoever builds from a copy
# without .git, as the Dockerfile does, says them in the environment.
DROVER_VERSION=${DROVER_VERSION:-$(git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed 's/^v//' || true)}
DROVER_VERSION=${DROVER_VERSION:-0.1.0}
DROVER_COMMIT=${DROVER_COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
DROVER_SWIFT_VERSION=$(swift --version | sed -nE 's/.*Swift version ([0-9.]+).*/\1/p' | head -1)
export DROVER_VERSION DROVER_COMMIT DROVER_SWIFT_VERSION

# Two builds of a commit are the same file wherever they were made. C and C++ write the names of their files into checks
# and errors: without the folder of this copy. A build ID would be made of the debug information too, which has that folder,
# and Swift's .swift_modhash is of the command lines; nothing reads it in a program.
paths=(-Xcc "-ffile-prefix-map=$PWD/=" -Xcxx "-ffile-prefix-map=$PWD/=")

# Nothing loads a library that would ask for our symbols: without their names the linker can leave unused code out, which
# is 6 MB of file and of memory. The names for a stack trace are in the file that is not stripped. What a start relocates
# nobody may write to any more. To pack the relocations would save 4 MB and 1.5 ms of each start, and need glibc 2.36
# where 2.35 will do.
# Of the versions in packages.lock and of no others.
scripts/lock-packages.sh "$scratch"

echo "release: building (10 to 15 minutes on two cores the first time)"
swift build --configuration release --product drover --scratch-path "$scratch" --force-resolved-versions --static-swift-stdlib \
    -Xlinker "-L$archives" -Xlinker -lm -Xswiftc -Xclang-linker -Xswiftc -static-libgcc \
    -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic -Xlinker --build-id=none -Xlinker -O2 \
    -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now \
    "${paths[@]}" \
    ${RELEASE_FLAGS:-}
# The toolchain's own tool: strip of binutils, asked to take a section out, takes the protection of the relocations with it.
"$(dirname "$(readlink -f "$(command -v swift)")")/llvm-objcopy" --strip-all -R .swift_modhash \
    "$(swift build --configuration release --scratch-path "$scratch" --show-bin-path)/drover" dist/drover
readelf --program-headers --wide dist/drover | grep GNU_RELRO >/dev/null ||
    { echo "release: dist/drover lets its relocations be written to" >&2; exit 1; }
echo "release: dist/drover, $(stat -c %s dist/drover) bytes, needs:"
ldd dist/drover
