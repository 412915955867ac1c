#!/usr/bin/env bash
# ./make: builds build/release/bin/{openclaw,clanker,mctl}. Installs what is missing first.
#   ./make [--preset dev|asan|release|bench]   (default: release)
set -euo pipefail
cd "$(dirname "$0")"
case ${1:-} in
  --help|-h) sed -n '2,3s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --preset) preset=${2:?--preset needs a name} ;;
  "") preset=release ;;
  *) echo "make: unknown option $1 (see ./make --help)" >&2; exit 2 ;;
esac
tools/bootstrap build
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
