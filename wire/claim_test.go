package wire

import (
	"reflect"
	"testing"
)

// The short cut for alives in the usual form changes nothing, however an alive is damaged.
func TestUsualAlivesAreReadAsAnyOthers(t *testing.T) {
	m := Alive{Inc: 300, Node: []byte("member"), Addr: []byte{10, 0, 0, 1}, Port: 7946,
		Meta: []byte("meta"), Vsn: []byte{1, 5, 2, 2, 5, 5}}
	p := m.Append(nil)[1:]
	if got, ok := usualAlive(p); !ok || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v, %v, want %+v", got, ok, m)
	}
	same := func(p []byte, what string, at int) {
		if fast, ok := usualAlive(p); ok {
			if slow, err := parseAlive(p); err != nil || !reflect.DeepEqual(fast, slow) {
				t.Errorf("%s at byte %d: %+v, else %+v, %v", what, at, fast, slow, err)
			}
		}
	}
	for at := range p {
		for _, bad := range []byte{p[at] ^ 1, p[at] ^ 0x80, 0xc0, 0xff} {
			was := p[at]
			p[at] = bad
			same(p, "changed", at)
			p[at] = was
		}
		same(p[:at], "cut", at)
		if _, ok := usualAlive(p[:at]); ok {
			t.Errorf("cut to %d bytes: taken", at)
		}
	}
	same(append(p, 0), "longer", len(p))
}
