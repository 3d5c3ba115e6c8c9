package interop

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
)

// ratios is off by default: figures are for people, and take half a minute.
var ratios = flag.Bool("ratios", false, "print a table of our times and allocations next to the original's")

// ratioRounds is how often each side is measured, in turn; the fastest round counts, so
// that what else the machine does cancels out.
const ratioRounds = 3

// TestBothSidesAgree checks what is measured: the same work on both sides.
func TestBothSidesAgree(t *testing.T) {
	for _, d := range duels(t) {
		t.Run(d.name, d.agree)
	}
}

// TestPacketsDontAllocate holds our side of every task on the path of a packet to no allocation at all.
func TestPacketsDontAllocate(t *testing.T) {
	for _, d := range append(duels(t), pathDuels(t)...) {
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

func BenchmarkTask(b *testing.B) {
	for _, d := range append(duels(b), pathDuels(b)...) {
		b.Run(d.name+"/ours", d.bench(d.ours))
		b.Run(d.name+"/original", d.bench(d.original))
	}
}

func (d *duel) bench(f func() error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(d.bytes))
		for b.Loop() {
			if err := f(); err != nil { // must would take longer than what is measured
				b.Fatal(err)
			}
		}
	}
}

// TestRatios prints a table of all tasks. Nothing in it is asserted: times are facts about a machine.
func TestRatios(t *testing.T) {
	if !*ratios {
		t.Skip("-ratios prints the table of times next to the original's")
	}
	must(t, flag.Set("test.benchtime", "100ms"))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "task\tours ns\tB\tallocs\toriginal ns\tB\tallocs\toriginal/ours\t")
	for _, d := range append(duels(t), pathDuels(t)...) {
		var ours, original testing.BenchmarkResult
		for range ratioRounds {
			ours = faster(ours, testing.Benchmark(d.bench(d.ours)))
			original = faster(original, testing.Benchmark(d.bench(d.original)))
		}
		fmt.Fprintf(w, "%s\t%.0f\t%d\t%d\t%.0f\t%d\t%d\t%.1f\t\n", d.name,
			perOp(ours), ours.AllocedBytesPerOp(), ours.AllocsPerOp(),
			perOp(original), original.AllocedBytesPerOp(), original.AllocsPerOp(), perOp(original)/perOp(ours))
	}
}

func faster(a, b testing.BenchmarkResult) testing.BenchmarkResult {
	if a.N == 0 || perOp(b) < perOp(a) {
		return b
	}
	return a
}

// perOp is nanoseconds, with fractions.
func perOp(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
