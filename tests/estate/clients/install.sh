#!/bin/sh
# Installs the GitHub client that vouches for the pretend GitHub: npm's @octokit/rest.
# The folder is $PINCER_NODE_TOOLS, or build/node-tools at the top of the repository.
set -eu
top=$(cd "$(dirname "$0")/../../.." && pwd)
folder=${PINCER_NODE_TOOLS:-$top/build/node-tools}
mkdir -p "$folder"
[ -d "$folder/node_modules/@octokit/rest" ] && exit 0
cd "$folder"
[ -f package.json ] || echo '{"private": true}' > package.json
exec npm install --no-audit --no-fund --loglevel=error '@octokit/rest@22'
