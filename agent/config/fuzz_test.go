package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// FuzzLoad reads arbitrary files and arguments: each problem has words, and what is accepted is
// valid, also when it is read again.
func FuzzLoad(f *testing.F) {
	for _, s := range settings {
		if s.json != "" {
			f.Add("{"+s.json+"}", s.flag)
		} else {
			f.Add("", s.flag)
		}
	}
	f.Add(`{"tags": {"a": 1}, "log_level": [], "Bind": null}`, "-tag\n-join")
	f.Add("{\n\"x\"", "-config-file=nowhere")
	f.Fuzz(func(t *testing.T, file, args string) {
		env := fakeEnv(map[string]string{"c.json": file, "ring.json": file, "tags.json": file})
		argv := append([]string{"-config-file=c.json"}, strings.Split(args, "\n")...)
		c, _, err := Load(argv, env)
		if err != nil {
			for _, problem := range Problems(err) {
				if problem.Error() == "" {
					t.Fatal("a problem without a word")
				}
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
		if again, _, err := Load(argv, env); err != nil || len(NeedRestart(&c, &again)) > 0 {
			t.Fatalf("accepted once, then: %v; differs in %v", err, NeedRestart(&c, &again))
		}
	})
}

// FuzzFiles reads arbitrary tags files and keyring files. What can be read can be written and read
// again.
func FuzzFiles(f *testing.F) {
	a, b := rings()
	f.Add(a)
	f.Add(b)
	f.Add(FormatTags(map[string]string{"role": "web", "é": "\x00"}))
	f.Add([]byte(`["MDEyMzQ1Njc4OWFiY2RlZg==", ""]`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tags, err := ParseTags("", data); err == nil {
			again, err := ParseTags("", FormatTags(tags))
			if err != nil || !maps.Equal(tags, again) {
				t.Fatalf("tags %q, then %q, %v", tags, again, err)
			}
		}
		if keys, err := ParseKeyring("", data); err == nil {
			again, err := ParseKeyring("", FormatKeyring(keys))
			if err != nil || !slices.EqualFunc(keys, again, slices.Equal) {
				t.Fatalf("keys %x, then %x, %v", keys, again, err)
			}
		}
	})
}
