#!/usr/bin/env bash
# Installs drover's completion for one shell, for the user who runs it: completion.sh bash|zsh|fish
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
bash) file=${XDG_DATA_HOME:-$HOME/.local/share}/bash-completion/completions/drover ;;
zsh) file=${ZDOTDIR:-$HOME}/.zsh/completions/_drover ;;
fish) file=${XDG_CONFIG_HOME:-$HOME/.config}/fish/completions/drover.fish ;;
*)
    echo "completion: name bash, zsh or fish" >&2
    exit 64
    ;;
esac
drover=dist/drover
if [ ! -x "$drover" ]; then
    swift build --product drover >/dev/null
    drover=$(swift build --show-bin-path)/drover
fi
mkdir -p "$(dirname "$file")"
"$drover" --generate-completion-script "$1" >"$file"
echo "completion: $file"
if [ "$1" = zsh ]; then echo "completion: add $(dirname "$file") to fpath in .zshrc, before compinit"; fi
