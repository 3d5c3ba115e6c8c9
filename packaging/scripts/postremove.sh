#!/bin/sh
# After a removal. Purging, which only deb has, takes what agents left behind: snapshots, keyrings, logs, the user.
set -e
if [ -n "${DPKG_MAINTSCRIPT_NAME:-}" ]; then
	dpkg-maintscript-helper rm_conffile /etc/init.d/serf 1.0.0~ serf -- "$@"
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
if [ "${1:-}" = purge ]; then
	rm -rf /var/lib/serf /var/log/serf
	rm -f /etc/systemd/system/multi-user.target.wants/serf.service
	if [ -x /usr/bin/deb-systemd-helper ]; then
		deb-systemd-helper purge serf.service >/dev/null
	fi
	if getent passwd _serf >/dev/null; then
		userdel _serf
	fi
fi
