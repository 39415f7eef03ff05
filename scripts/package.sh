#!/usr/bin/env bash
# Packs dist/drover-VERSION-linux-ARCH.tar.gz: binary, completions, man pages, manifests, licence, checksums, SBOM.
# package.sh [BINARY]. Two archives of the same binary and commit are the same, byte by byte.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-dist/drover}
version=$("$binary" --version | awk '{print $1}')
name=drover-$version-linux-$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name
moment=$(git log -1 --format=%ct 2>/dev/null || echo 0)
mkdir -p "$root"/bin "$root"/share/man/man1 "$root"/share/bash-completion/completions \
    "$root"/share/zsh/site-functions "$root"/share/fish/vendor_completions.d dist

install -m 755 "$binary" "$root/bin/drover"
"$binary" --generate-completion-script bash >"$root/share/bash-completion/completions/drover"
"$binary" --generate-completion-script zsh >"$root/share/zsh/site-functions/_drover"
"$binary" --generate-completion-script fish >"$root/share/fish/vendor_completions.d/drover.fish"
python3 scripts/man_pages.py "$binary" "$root/share/man/man1" "$version" "$(date -u -d "@$moment" +%F)"
gzip -9n "$root"/share/man/man1/*.1
scripts/sbom.py "$binary" "$version" "$moment" >"$root/drover.spdx.json"
# With Package.resolved somebody else can build the same again.
cp -r deploy docs LICENSE README.md CHANGELOG.md SECURITY.md Package.resolved "$root"
find "$root" -type d -exec chmod 755 {} +
find "$root" -type f ! -path '*/bin/*' -exec chmod 644 {} +
(cd "$root" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)

# Nothing of the machine or of the hour: order, owners and times are given.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$moment" -C "$work" -cf - "$name" |
    gzip -9n >"dist/$name.tar.gz"
install -m 644 "$root/drover.spdx.json" "dist/$name.spdx.json"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "release: dist/$name.tar.gz, $(stat -c %s "dist/$name.tar.gz") bytes"
