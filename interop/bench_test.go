package interop

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// ratios is off by default: figures are for people, and measuring them takes half a minute.
var ratios = flag.Bool("ratios", false, "print a table of our times and allocations next to the original's")

// ratioRounds is how often each side is measured, in turn. The fastest round counts, so that other
// load on the machine cancels out.
const ratioRounds = 3

// TestBothSidesAgree checks what is measured: the same work on both sides.
func TestBothSidesAgree(t *testing.T) {
	for _, d := range allDuels(t) {
		if d.agree != nil {
			t.Run(d.title(), d.agree)
		}
	}
}

// TestPacketsDontAllocate requires that our side of every task on the path of a packet allocates
// nothing.
func TestPacketsDontAllocate(t *testing.T) {
	for _, d := range allDuels(t) {
		if !d.packet {
			continue
		}
		for range 3 {
			must(t, d.ours()) // buffers grow to their size
		}
		if n := testing.AllocsPerRun(100, func() { must(t, d.ours()) }); n != 0 {
			t.Errorf("%s: %.1f allocations, want none", d.name, n)
		}
	}
}

// allDuels is all tasks, from the codec to whole nodes.
func allDuels(tb testing.TB) []duel {
	return slices.Concat(duels(tb), pathDuels(tb), aliveDuels(tb), exchangeDuels(tb), queueDuels())
}

func BenchmarkTask(b *testing.B) {
	for _, d := range allDuels(b) {
		b.Run(d.title()+"/ours", d.bench(d.ours))
		b.Run(d.title()+"/original", d.bench(d.original))
	}
}

func (d *duel) bench(f func() error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(d.bytes * d.perCall()))
		began := processorTime()
		for b.Loop() {
			if err := f(); err != nil { // must would take longer than the task
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((processorTime()-began).Nanoseconds())/float64(b.N), processorUnit)
	}
}

// processorUnit is the processor time of all threads. It excludes other programs and includes what
// the original does on other goroutines.
const processorUnit = "cpu-ns/op"

// TestRatios prints a table of all tasks. It asserts nothing: times depend on the machine.
func TestRatios(t *testing.T) {
	if !*ratios {
		t.Skip("-ratios prints the table of times next to the original's")
	}
	must(t, flag.Set("test.benchtime", "100ms"))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "task\tours CPU ns\tB\tallocs\toriginal CPU ns\tB\tallocs\toriginal/ours\t")
	for _, d := range allDuels(t) {
		var ours, original testing.BenchmarkResult
		for range ratioRounds {
			ours = faster(ours, testing.Benchmark(d.bench(d.ours)))
			original = faster(original, testing.Benchmark(d.bench(d.original)))
		}
		a, b := d.cost(ours), d.cost(original)
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.3g\t%.0f\t%.0f\t%.3g\t%.1f\t\n", d.title(),
			a.ns, a.bytes, a.allocs, b.ns, b.bytes, b.allocs, b.ns/a.ns)
	}
}

// title names the task and what it is compared with.
func (d *duel) title() string {
	if d.against == "" {
		return d.name
	}
	return d.name + ", against " + d.against
}

// cost is what one run of a task takes.
type cost struct{ ns, bytes, allocs float64 }

func (d *duel) cost(r testing.BenchmarkResult) cost {
	n := float64(d.perCall())
	return cost{perOp(r) / n, float64(r.AllocedBytesPerOp()) / n, float64(r.AllocsPerOp()) / n}
}

func faster(a, b testing.BenchmarkResult) testing.BenchmarkResult {
	if a.N == 0 || perOp(b) < perOp(a) {
		return b
	}
	return a
}

// processorTime is the processor time that this process has used so far, user and system.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // it can't fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perOp is processor time in nanoseconds.
func perOp(r testing.BenchmarkResult) float64 { return r.Extra[processorUnit] }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
