package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"serf/internal/systest"
)

// A template engine calls methods by names that the linker doesn't know, so the linker keeps all
// methods of all packages: 2.6 MB.
func TestProgramHasNoTemplateEngine(t *testing.T) {
	systest.NeedGo(t) // the list is the same everywhere
	if testing.Short() {
		t.Skip("the go command takes its time")
	}
	t.Parallel()
	list, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(list))
	if !slices.Contains(packages, "serf/agent") {
		t.Fatalf("these aren't the program's packages: %q", packages)
	}
	for _, engine := range []string{"text/template", "html/template"} {
		if slices.Contains(packages, engine) {
			t.Errorf("the program has %s in it", engine)
		}
	}
}
