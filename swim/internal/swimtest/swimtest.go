// Package swimtest has what the conversations of swim's and swim/serf's tests share: names and
// addresses of members, messages about them, and the lines of what a node did. It doesn't import
// swim, whose tests are in package swim itself.
package swimtest

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"serf/wire"
)

// AddrOf is the address of a member with a one-letter name.
func AddrOf(name string) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, name[0]}), 7946)
}

// NameOf is the name of the member with this address, or the address itself.
func NameOf(a netip.AddrPort) string {
	if ip := a.Addr(); ip.Is4() && a.Port() == 7946 {
		if b := ip.As4(); b[0] == 10 && b[3] >= 'a' && b[3] <= 'z' {
			return string(b[3:])
		}
	}
	return a.String()
}

// Alive is an alive message about a member.
func Alive(name string, inc uint32, addr netip.AddrPort, meta []byte, versions [6]byte) []byte {
	m := wire.Alive{
		Inc: inc, Node: []byte(name), Addr: addr.Addr().AsSlice(), Port: addr.Port(),
		Meta: meta, Vsn: versions[:],
	}
	return m.Append(nil)
}

// Suspect says that from suspects a member.
func Suspect(name string, inc uint32, from string) []byte {
	m := wire.Suspect{Inc: inc, Node: []byte(name), From: []byte(from)}
	return m.Append(nil)
}

// Dead says that a member is dead or, from the member itself, that it left.
func Dead(name string, inc uint32, from string) []byte {
	m := wire.Dead{Inc: inc, Node: []byte(name), From: []byte(from)}
	return m.Append(nil)
}

// Advance sets *now, the time of a node, to until, with a tick at each deadline up to then.
func Advance[T ~int64](t testing.TB, now *T, until T, deadline func() T, tick func()) {
	t.Helper()
	for ticks := 0; deadline() <= until; ticks++ {
		if ticks > 100_000 {
			t.Fatal("deadline doesn't move: the node spins")
		}
		*now = max(*now, deadline())
		tick()
	}
	*now = until
}

// Lines are what a node did and no Want has claimed yet.
type Lines []string

// Add adds a line.
func (l *Lines) Add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// Want claims a line for each pattern, in which * matches anything.
func (l *Lines) Want(t testing.TB, reason string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		i := l.index(p)
		if i < 0 {
			t.Fatalf("%s: want %q, got\n\t%s", reason, p, strings.Join(*l, "\n\t"))
		}
		*l = slices.Delete(*l, i, i+1)
	}
}

// WantNone fails if a line matches. It claims nothing.
func (l *Lines) WantNone(t testing.TB, reason, pattern string) {
	t.Helper()
	if i := l.index(pattern); i >= 0 {
		t.Fatalf("%s: want no %q, got %q", reason, pattern, (*l)[i])
	}
}

// WantIdle fails if there are lines.
func (l *Lines) WantIdle(t testing.TB, reason string) {
	t.Helper()
	if len(*l) > 0 {
		t.Fatalf("%s: want nothing more, got\n\t%s", reason, strings.Join(*l, "\n\t"))
	}
}

// index is the place of the first line that is, or matches, the pattern; -1 if there is none.
func (l *Lines) index(pattern string) int {
	if i := slices.Index(*l, pattern); i >= 0 {
		return i
	}
	return slices.IndexFunc(*l, func(line string) bool { return Matches(pattern, line) })
}

// Matches tells whether a line matches a pattern, in which * matches anything, slashes too.
func Matches(pattern, line string) bool {
	noSlash := strings.NewReplacer("/", "|")
	ok, err := path.Match(noSlash.Replace(pattern), noSlash.Replace(line))
	return ok && err == nil
}
