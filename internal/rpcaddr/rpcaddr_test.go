package rpcaddr

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is what absolute paths begin with in an address, and path what they then are.
func root(path string) (url, want string) {
	if runtime.GOOS == "windows" {
		return "unix:///C:" + path, "C:" + path
	}
	return "unix://" + path, path
}

func TestParse(t *testing.T) {
	t.Parallel()
	socket, path := root("/run/serf/rpc.sock")
	for s, want := range map[string]Addr{
		"127.0.0.1:7373":   {TCP, "127.0.0.1:7373"},
		":7373":            {TCP, ":7373"},
		"[::1]:1":          {TCP, "[::1]:1"},
		"tls://host:65535": {TLS, "host:65535"},
		socket:             {Unix, path},
	} {
		got, err := Parse(s, 1)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	const form = "want host:port, port 1 to 65535, tls://host:port or unix:///path"
	for s, want := range map[string]string{
		"127.0.0.1": form, "127.0.0.1:": form, "127.0.0.1:0": form, "127.0.0.1:65536": form, "": form, "tls://": form, "tls://host": form,
		"tcp://127.0.0.1:1": form, "http://127.0.0.1:1": form, "/run/serf.sock": form, "unix:/run/serf.sock": form,
		"unix://": "want an absolute path, as in unix:///run/serf/rpc.sock", "unix://@a": "want an absolute path, as in unix:///run/serf/rpc.sock",
	} {
		if a, err := Parse(s, 1); err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v; want %s", s, a, err, want)
		}
	}
	if a, err := Parse("127.0.0.1:0", 0); err != nil || a.Address != "127.0.0.1:0" {
		t.Errorf("port 0 to listen on: %v, %v", a, err)
	}
}

func TestPathOfASocketIsShort(t *testing.T) {
	t.Parallel()
	url, path := root("/")
	longest := url + strings.Repeat("x", PathMax-len(path))
	if _, err := Parse(longest, 1); err != nil {
		t.Error(err)
	}
	want := fmt.Sprintf("its path has %d bytes, and one of a socket at most %d here", PathMax+1, PathMax)
	if _, err := Parse(longest+"x", 1); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestParseList(t *testing.T) {
	t.Parallel()
	socket, path := root("/s")
	got, err := ParseList("127.0.0.1:7373, " + socket + ",tls://:0")
	if d := cmp.Diff([]Addr{{TCP, "127.0.0.1:7373"}, {Unix, path}, {TLS, ":0"}}, got); d != "" || err != nil {
		t.Error(err, d)
	}
	var most []string
	for i := range ListMax {
		most = append(most, fmt.Sprintf("127.0.0.1:%d", i+1))
	}
	if got, err := ParseList(strings.Join(most, ",")); len(got) != ListMax || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for s, want := range map[string]string{
		"a":                                    "want host:port, port 0 to 65535, tls://host:port or unix:///path",
		"a:1,b":                                `want host:port, port 0 to 65535, tls://host:port or unix:///path, at "b"`,
		"a:1,":                                 `want host:port, port 0 to 65535, tls://host:port or unix:///path, at ""`,
		"a:1,a:1":                              "want each address once, and a:1 comes twice",
		strings.Join(append(most, "a:1"), ","): "want at most 16 addresses",
	} {
		if _, err := ParseList(s); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", s, err, want)
		}
	}
}
