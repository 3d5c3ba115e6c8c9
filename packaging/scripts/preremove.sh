#!/bin/sh
# Before the package is removed, not before an upgrade: deb passes "remove", rpm 0, apk nothing.
set -e
case "${1:-remove}" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now serf.service
	fi
	;;
esac
