package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"serf/agent/rpc"
	"serf/internal/nearest"
	"serf/internal/std"
)

// HashiCorp's Serf silently does what it is asked even if that can have no effect. So does this
// program, for the sake of scripts that check its exit code, but it warns.

// warnOfStrangers warns of names that aren't members.
func warnOfStrangers(ctx context.Context, o *options, c *rpc.Client, names []string) error {
	var strangers []string
	for _, name := range names {
		found, err := c.MembersFiltered(ctx, rpc.MemberFilter{Name: regexp.QuoteMeta(name)})
		if err != nil {
			return fmt.Errorf("retrieving members: %w", err)
		}
		if len(found) == 0 {
			strangers = append(strangers, name)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	members, err := c.Members(ctx) // all of them, which may be many, only now
	if err != nil {
		return fmt.Errorf("retrieving members: %w", err)
	}
	var known []string
	for _, m := range members {
		known = append(known, m.Name)
	}
	for _, name := range strangers {
		o.warn("no member is called %q%s", name, suggestion(name, known))
	}
	return nil
}

func suggestion(name string, known []string) string {
	if near := nearest.Of(name, known); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// warnOfNobody warns if those who are asked can't answer.
func warnOfNobody(ctx context.Context, o *options, c *rpc.Client, names []string,
	tags map[string]string) error {
	if len(names) > 0 {
		if err := warnOfStrangers(ctx, o, c, names); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	members, err := c.MembersFiltered(ctx, rpc.MemberFilter{Status: "alive", Tags: tags})
	if err == nil && len(members) == 0 { // an error comes again with the query, in its words
		o.warn("no member that is alive has such tags: %s", tagList(tags))
	}
	return nil
}

// statuses are the statuses of members.
var statuses = []string{"none", "alive", "leaving", "left", "failed"}

// warnOfStatus warns of a pattern that matches no status. An invalid pattern is refused by the
// agent.
func warnOfStatus(o *options, pattern string) {
	expr, err := regexp.Compile("^(?:" + pattern + ")$")
	if pattern == "" || err != nil {
		return
	}
	for _, s := range statuses {
		if expr.MatchString(s) {
			return
		}
	}
	o.warn("-status=%s matches no status: there are %s%s", pattern,
		strings.Join(statuses[1:], ", "), suggestion(pattern, statuses))
}

// warnOfMissingTags warns of tags that can't be deleted because they don't exist.
func warnOfMissingTags(ctx context.Context, o *options, c *rpc.Client, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	stats, err := c.Stats(ctx)
	if err != nil {
		return fmt.Errorf("querying agent: %w", err)
	}
	tags := stats["tags"]
	for _, key := range keys {
		if _, ok := tags[key]; !ok {
			o.warn("there is no tag %q to delete%s", key, suggestion(key, std.SortedKeys(tags)))
		}
	}
	return nil
}
