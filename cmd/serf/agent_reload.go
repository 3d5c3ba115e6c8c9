package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"serf/agent/config"
	"serf/internal/std"
)

// reloadTimeout bounds how long a reload waits for the agent to accept the tags.
const reloadTimeout = 3 * time.Second

// reload takes over what can change at run time from a configuration that was read again: log
// level, event handlers, tags, zones, and the effect of signals.
func (d *daemon) reload(l loading) {
	d.loading = false
	if d.loadNext {
		d.load()
		return
	}
	defer func() { d.told(d.manager.Ready()) }()
	s := l.setup
	certChange, warning, err := "", "", l.err
	if err == nil {
		certChange, warning, err = d.http.reload(&d.began)
	}
	if err != nil {
		d.out.problems(err)
		d.out.fail("Failed to reload configs, nothing was changed")
		return
	}
	for _, w := range append(s.warnings, warning) {
		if w != "" {
			d.out.warn("%s", w)
		}
	}
	d.log.SetLevel(s.level())
	d.extras.setLevel(s.level())
	d.agent.SetHandlers(s.handlers)
	d.agent.SetHandlerTimeout(orNone(s.conf.HandlerTimeout))
	d.reloadZones(&s.conf)
	changes := config.LiveChanges(&d.setup.conf, &s.conf)
	tags, err := d.reloadTags(s.conf.Tags)
	if err != nil {
		d.out.fail("Failed to update tags: %v", err)
		s.conf.Tags = d.setup.conf.Tags // so that the next reload tries again
	} else if tags != "" {
		changes = append(changes, tags)
	}
	if certChange != "" {
		changes = append(changes, certChange)
	}
	if d.reloadRPCCerts(&s) {
		changes = append(changes, "the certificates for RPC are new")
	}
	d.out.step("Configuration reloaded: %s",
		cmp.Or(strings.Join(changes, "; "), "nothing has changed that a reload applies"))
	if fixed := config.NeedRestart(&d.began, &s.conf); len(fixed) > 0 {
		d.out.warn("changes of these take a restart: %s", strings.Join(fixed, ", "))
	}
	d.setup = s
}

// reloadZones takes over how members are divided into zones.
func (d *daemon) reloadZones(next *config.Config) {
	was := &d.setup.conf
	if zones(was) == zones(next) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	if err := d.agent.SetZones(ctx, zones(next)); err != nil {
		d.out.fail("Failed to update zones: %v", err)
		// So that the next reload tries again.
		next.ZoneTag, next.ZoneShare, next.ZoneProbes = was.ZoneTag, was.ZoneShare, was.ZoneProbes
	}
}

// reloadTags takes over the changes of the configuration's tags, and describes them. Tags set at
// run time stay.
func (d *daemon) reloadTags(next map[string]string) (changes string, err error) {
	current := d.agent.Tags()
	merged := config.MergeTags(d.setup.conf.Tags, current, next)
	set, gone := tagChanges(current, merged)
	if len(set)+len(gone) == 0 {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	if err := d.agent.SetTags(ctx, set, gone); err != nil {
		return "", err
	}
	var parts []string
	if len(set) > 0 {
		parts = append(parts, "tags set: "+tagList(set))
	}
	if len(gone) > 0 {
		parts = append(parts, "tags deleted: "+printable(strings.Join(gone, ",")))
	}
	return strings.Join(parts, "; "), nil
}

// tagChanges returns what to set and to delete to get from one set of tags to another.
func tagChanges(from, to map[string]string) (set map[string]string, gone []string) {
	set = make(map[string]string)
	for key, value := range to { // order-free: each key by itself
		if was, had := from[key]; !had || was != value {
			set[key] = value
		}
	}
	for _, key := range std.SortedKeys(from) {
		if _, stays := to[key]; !stays {
			gone = append(gone, key)
		}
	}
	return set, gone
}
