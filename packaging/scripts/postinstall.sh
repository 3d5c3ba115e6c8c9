#!/bin/sh
# After an installation or an upgrade. Neither enables nor starts the agent: it needs a configuration first. One that
# runs is restarted.
set -e
if [ -n "${DPKG_MAINTSCRIPT_NAME:-}" ]; then
	dpkg-maintscript-helper rm_conffile /etc/init.d/serf 1.0.0~ serf -- "$@"
	if [ ! -e /etc/init.d/serf ] && [ -x /usr/sbin/update-rc.d ]; then
		update-rc.d serf remove >/dev/null
	fi
fi
if ! getent passwd _serf >/dev/null; then
	if command -v systemd-sysusers >/dev/null; then
		systemd-sysusers serf.conf
	elif command -v useradd >/dev/null; then
		useradd --system --user-group --no-create-home --home-dir /var/lib/serf --shell /usr/sbin/nologin _serf
	else
		addgroup -S _serf
		adduser -S -D -H -h /var/lib/serf -G _serf -s /sbin/nologin _serf
	fi
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart serf.service || true # it says why, and the package is installed all the same
fi
