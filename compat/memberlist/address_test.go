package memberlist

import (
	"log"
	"strings"
	"testing"

	"serf/internal/hostaddr"
	"serf/membership"
)

func TestAddressesOfSockets(t *testing.T) {
	t.Parallel()
	for bind, want := range map[string]string{
		"127.0.0.1": "127.0.0.1:7946",
		"::1":       "[::1]:7946",
		"[::1]":     "[::1]:7946",
		"localhost": "0.0.0.0:7946", // as it always was: an address is wanted
	} {
		var s membership.Config
		var lines strings.Builder
		m := &Memberlist{
			conf:   &Config{BindAddr: bind, BindPort: 7946, AdvertiseAddr: "127.0.0.2"},
			logger: log.New(&lines, "", 0),
		}
		if err := m.listenOnSockets(&s); err != nil || s.Bind.String() != want {
			t.Errorf("%s: %v, %v, want %s", bind, s.Bind, err, want)
		}
		// Whoever says "localhost" may not mean all addresses.
		if warned := strings.Contains(lines.String(), "[WARN] memberlist: BindAddr"); warned != (bind == "localhost") {
			t.Errorf("%s: logged %q", bind, lines.String())
		}
	}
}

// The others can't send to all addresses: they are told a private one, and nothing else.
func TestAllAddressesAreAdvertisedAsAPrivateOne(t *testing.T) {
	t.Parallel()
	var s membership.Config
	m := &Memberlist{conf: &Config{BindAddr: "0.0.0.0", BindPort: 7946}}
	err := m.listenOnSockets(&s)
	if own, none := privateIP(); none != nil {
		if err == nil {
			t.Errorf("%v is advertised, and %v", s.Advertise, none)
		}
	} else if a := s.Advertise.Addr(); err != nil || a.String() != own.String() || a.IsLoopback() || hostaddr.IsPublic(a) {
		t.Errorf("%v, %v, want %v", a, err, own)
	}
}
