package metrics

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page says of each metric what a scrape says of it, and of no others; of each reason to drop
// something what it means; and of each alert of the rules file.
func TestDocsDescribeAllMetrics(t *testing.T) {
	page := readFile(t, "../../docs/metrics.md")
	inTable := rowsOf(page)
	for _, list := range families {
		for _, f := range list {
			labels := "`" + strings.ReplaceAll(f.labels, " ", "`, `") + "`"
			if f.labels == "" {
				labels = ""
			}
			want := strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, f.help), "|  |", "| |")
			if !strings.Contains(page, want) {
				t.Errorf("docs/metrics.md lacks the row\n%s", want)
			}
			delete(inTable, f.name)
		}
	}
	for name := range inTable {
		t.Errorf("docs/metrics.md has %s, which no scrape has", name)
	}
}

// rowsOf returns the names of the metrics that the page has in tables.
func rowsOf(page string) map[string]bool {
	names := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (?:counter|gauge|histogram) \\|").FindAllStringSubmatch(page, -1) {
		names[m[1]] = true
	}
	return names
}

func TestDocsExplainReasonsAndAlerts(t *testing.T) {
	page := readFile(t, "../../docs/metrics.md")
	for _, d := range drops {
		if !strings.Contains(page, "\n| `"+d.reason+"` | ") {
			t.Errorf("docs/metrics.md doesn't say when something is dropped for reason %s", d.reason)
		}
	}
	rules := readFile(t, "../../packaging/prometheus/serf.rules.yml")
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	for _, a := range alerts {
		if !strings.Contains(page, "\n| `"+a[1]+"` | ") {
			t.Errorf("docs/metrics.md doesn't explain the alert %s", a[1])
		}
	}
	if len(alerts) < 10 {
		t.Errorf("%d alerts found", len(alerts))
	}
}

// An alert about a metric, or a reason, that doesn't exist never fires.
func TestRulesUseMetricsThatExist(t *testing.T) {
	rules := readFile(t, "../../packaging/prometheus/serf.rules.yml")
	known := make(map[string]bool)
	for _, list := range families {
		for _, f := range list {
			known[f.name] = true
		}
	}
	for _, name := range regexp.MustCompile(`\bserf_[a-z_]+`).FindAllString(rules, -1) {
		if !known[name] {
			t.Errorf("serf.rules.yml uses %s, which no scrape has", name)
		}
	}
	source := new(fakeSource)
	source.metrics.Traffic.KernelDropsKnown = true
	body := scraped(New(source, testOptions()), "").Body.String()
	for _, m := range regexp.MustCompile(`(serf_[a-z_]+)\{(\w+)=~?\s*"([a-z_|]+)"`).FindAllStringSubmatch(rules, -1) {
		for value := range strings.SplitSeq(m[3], "|") {
			if sample := fmt.Sprintf(`%s{%s="%s"} `, m[1], m[2], value); !strings.Contains(body, sample) {
				t.Errorf("serf.rules.yml uses %s, which no scrape has", sample)
			}
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
