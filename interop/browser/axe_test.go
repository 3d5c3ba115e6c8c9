package browser

import (
	"os"
	"testing"
)

// axeCore returns the program of axe-core, which checks a page by the rules of WCAG, or "" if it
// isn't there. SERF_AXE names its file; the step "browser" of .ci/run installs it.
func axeCore(t *testing.T) string {
	t.Helper()
	path := os.Getenv("SERF_AXE")
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("SERF_AXE isn't set, which CI does")
		}
		t.Log("without axe-core: SERF_AXE isn't set")
		return ""
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(program)
}

// checkRules runs axe-core in the tab.
func (b *tab) checkRules(axe string) {
	b.t.Helper()
	if axe == "" {
		return
	}
	b.run(axe)
	for _, problem := range value[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then(
		r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 150) + "\n" + n.failureSummary)))`) {
		b.t.Error(problem)
	}
}
