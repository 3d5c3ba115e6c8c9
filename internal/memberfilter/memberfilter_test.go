package memberfilter

import (
	"fmt"
	"strings"
	"testing"

	"serf/swim/serf"
)

func TestFilterMatchesWhole(t *testing.T) {
	m := &serf.Member{Name: "web-1", Status: serf.StatusAlive, Tags: map[string]string{"role": "web"}}
	for _, tt := range []struct {
		name, status string
		tags         map[string]string
		want         bool
	}{
		{want: true},
		{name: "web-.", want: true},
		{name: "web", want: false},
		{name: "web|web-1", want: true},
		{name: "x|1", want: false},
		{status: "alive|failed", want: true},
		{status: "fail.*", want: false},
		{tags: map[string]string{"role": "web|db"}, want: true},
		{tags: map[string]string{"role": "web", "dc": "x"}, want: false},
		{tags: map[string]string{"dc": ""}, want: true},
		{tags: map[string]string{"role": ""}, want: false},
	} {
		f, err := New(tt.name, tt.status, tt.tags)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(m); got != tt.want {
			t.Errorf("%+v: %t, want %t", tt, got, tt.want)
		}
	}
}

func TestFilterIsBounded(t *testing.T) {
	tags := make(map[string]string)
	for i := range tagsMax {
		tags[fmt.Sprint(i)] = ""
	}
	if _, err := New(strings.Repeat("x", patternMax), "", tags); err != nil {
		t.Errorf("at the limits: %v", err)
	}
	if _, err := New(strings.Repeat("x", patternMax+1), "", nil); err == nil {
		t.Error("an expression beyond the limit is taken")
	}
	tags["one more"] = ""
	if _, err := New("", "", tags); err == nil {
		t.Error("more tags than the limit are taken")
	}
}

func TestBadExpressionIsNamed(t *testing.T) {
	for expr, filter := range map[string]func(expr string) error{
		"name":     func(expr string) error { _, err := New(expr, "", nil); return err },
		"status":   func(expr string) error { _, err := New("", expr, nil); return err },
		"tag role": func(expr string) error { _, err := New("", "", map[string]string{"role": expr}); return err },
	} {
		if err := filter("a)|(b"); err == nil || !strings.Contains(err.Error(), "filter by "+expr) || !strings.Contains(err.Error(), "a)|(b`") {
			t.Errorf("%s: %v", expr, err)
		}
	}
}
