package interop

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"text/tabwriter"
	"time"
)

var earlier = flag.String("earlier", "", "an earlier build of serf, whose memory TestListenerMemory prints, too")

// TestListenerMemory prints what agents alone take with and without an HTTP listener, the middle
// of some runs.
func TestListenerMemory(t *testing.T) {
	if !*ratios || runtime.GOOS != "linux" {
		t.Skip("-ratios prints the memory of agents with and without a listener; it takes a minute")
	}
	const runs = 7
	type variant struct {
		name              string
		p                 program
		args              func(i int) []string
		resident, private []float64
	}
	on := func(i int) []string { return []string{fmt.Sprintf("-http-addr=127.0.0.%d:7374", 20+i)} }
	off := func(int) []string { return nil }
	variants := []*variant{{name: "listener off", p: ownStripped, args: off}, {name: "listener on, idle", p: ownStripped, args: on}}
	if *earlier != "" {
		before := program{"earlier", func(*testing.T) string { return *earlier }}
		variants = append(variants, &variant{name: "earlier build", p: before, args: off})
	}
	for i := range runs {
		var agents []*agentProcess
		for _, v := range variants {
			a, _ := launch(t, v.p, "alone", v.args(i)...)
			agents = append(agents, a)
		}
		time.Sleep(settleTime / 2)
		for k, a := range agents {
			u := a.usage(t)
			variants[k].resident, variants[k].private = append(variants[k].resident, u.resident), append(variants[k].private, u.private)
			a.kill()
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "agent alone\tprogram MB\tresident MB\tof it not of files\t")
	for _, v := range variants {
		info, err := os.Stat(v.p.find(t))
		must(t, err)
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t\n", v.name, float64(info.Size())/1e6, middle(v.resident), middle(v.private))
	}
}
