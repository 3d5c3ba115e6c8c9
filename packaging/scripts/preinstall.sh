#!/bin/sh
# Before deb, rpm or apk unpacks the package.
set -e
# Debian's own package of Serf had an init script, which nothing needs beside the unit.
if [ -n "${DPKG_MAINTSCRIPT_NAME:-}" ]; then
	dpkg-maintscript-helper rm_conffile /etc/init.d/serf 1.0.0~ serf -- "$@"
fi
