package interop

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"serf/agent/rpc"
)

// The two programs as they are shipped.
var (
	ownStripped      = program{"ours", builder("..", "./cmd/serf", "ours-stripped", "-trimpath", "-ldflags=-s -w")}
	originalStripped = program{"original", builder(".", "github.com/hashicorp/serf/cmd/serf", "original-stripped", "-trimpath", "-ldflags=-s -w")}
)

// sides are the two programs, in the order of a pair of figures.
var sides = [2]program{ownStripped, originalStripped}

// Sizes and lengths of what is measured.
const (
	idleMembers = 30               // in the cluster that idles
	settleTime  = 20 * time.Second // after a start, until its effects are over
	idleTime    = 20 * time.Second // for which the cluster is watched
	startRounds = 15
	askRounds   = 40
	queryRounds = 3
	eventCount  = 10_000
	// eventsQuiet is how long no event arrives before missing ones count as lost.
	eventsQuiet = 5 * time.Second
)

// figures collects pairs of figures for a table.
type figures struct {
	rows []figure
}

// figure is a pair of measurements, of ours and of the original. Less is better.
type figure struct {
	what, unit string
	values     [2]float64
}

func (f *figures) add(what, unit string, values [2]float64) {
	f.rows = append(f.rows, figure{what, unit, values})
}

func (f *figures) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprintln(w, "figure\tunit\tours\toriginal\toriginal/ours\t")
	for _, r := range f.rows {
		fmt.Fprintf(w, "%s\t%s\t%.4g\t%.4g\t%.2f\t\n", r.what, r.unit, r.values[0], r.values[1], r.values[1]/r.values[0])
	}
}

// TestFigures prints the memory and time that agents in processes of their own need. It asserts
// only that they finish.
func TestFigures(t *testing.T) {
	if !*ratios {
		t.Skip("-ratios prints the table of agents next to the original's; it takes four minutes")
	}
	if runtime.GOOS != "linux" {
		t.Skip("what a process takes is read from /proc")
	}
	f := new(figures)
	defer f.print()
	for _, m := range []struct {
		name    string
		measure func(*testing.T, *figures)
	}{
		{"programs", measurePrograms}, {"alone", measureAlone}, {"idle", measureIdle},
		{"members", measureMembers}, {"events", measureEvents}, {"queries", measureQueries},
	} {
		t.Run(m.name, func(t *testing.T) { m.measure(t, f) })
	}
}

// agentProcess is an agent as it is shipped, with the default log level and no subscriber.
type agentProcess struct {
	ip  netip.Addr
	cmd *exec.Cmd
}

// launch starts an agent and returns when it reports that it runs; took is how long that took.
func launch(t *testing.T, p program, name string, args ...string) (a *agentProcess, took time.Duration) {
	t.Helper()
	a = &agentProcess{ip: ownIP(t)}
	a.cmd = exec.Command(p.find(t), append([]string{
		"agent", "-node=" + name, "-bind=" + a.bind(), "-rpc-addr=" + a.rpcAddr(),
	}, args...)...)
	out, err := a.cmd.StdoutPipe()
	must(t, err)
	began := time.Now()
	must(t, a.cmd.Start())
	t.Cleanup(a.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "agent running!") {
			took = time.Since(began)
			break
		}
	}
	if took == 0 {
		t.Fatalf("%s %s never runs", p.name, name)
	}
	go func() { // so that it can write its log
		for lines.Scan() {
		}
	}()
	return a, took
}

func (a *agentProcess) bind() string    { return netip.AddrPortFrom(a.ip, gossipPort).String() }
func (a *agentProcess) rpcAddr() string { return netip.AddrPortFrom(a.ip, rpcPort).String() }

// kill ends the process; it may be called again.
func (a *agentProcess) kill() {
	a.cmd.Process.Kill()
	a.cmd.Wait()
}

// launchCluster starts agents that join the first.
func launchCluster(t *testing.T, p program, n int, args ...string) (all []*agentProcess) {
	t.Helper()
	for i := range n {
		args := slices.Clone(args)
		if i > 0 {
			args = append(args, "-join="+all[0].bind())
		}
		a, _ := launch(t, p, fmt.Sprintf("%s-%02d", p.name, i), args...)
		all = append(all, a)
	}
	for _, a := range all {
		wantCount(t, a, n)
	}
	return all
}

// wantCount waits until an agent knows that many members.
func wantCount(t *testing.T, a *agentProcess, n int) {
	t.Helper()
	c, err := rpc.Dial(t.Context(), a.rpcAddr(), rpc.Options{})
	must(t, err)
	defer c.Close()
	eventually(t, time.Minute, fmt.Sprint(n, " members"), func() error {
		all, err := c.Members(t.Context())
		if err == nil && len(all) != n {
			err = fmt.Errorf("%d members", len(all))
		}
		return err
	})
}

// usage is the processor time that a process has used so far, and its memory.
type usage struct {
	processor         time.Duration
	switches          int
	resident, private float64 // MB
}

// usage reads it from /proc, all threads together.
func (a *agentProcess) usage(t *testing.T) (u usage) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", a.cmd.Process.Pid)
	status := readFields(t, dir+"/status")
	u.resident, u.private = float64(status["VmRSS"])/1024, float64(status["RssAnon"])/1024
	threads, err := filepath.Glob(dir + "/task/*")
	must(t, err)
	for _, thread := range threads {
		s := readFields(t, thread+"/status")
		u.switches += s["voluntary_ctxt_switches"] + s["nonvoluntary_ctxt_switches"]
		sched, err := os.ReadFile(thread + "/schedstat")
		must(t, err)
		ns, err := strconv.Atoi(strings.Fields(string(sched))[0])
		must(t, err)
		u.processor += time.Duration(ns)
	}
	return u
}

// readFields reads the numbers of a file of lines "name: number ...".
func readFields(t *testing.T, path string) map[string]int {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	fields := make(map[string]int)
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		if words := strings.Fields(rest); len(words) > 0 {
			fields[name], _ = strconv.Atoi(words[0]) // the others are text
		}
	}
	return fields
}

func middle[T cmp.Ordered](values []T) T { return slices.Sorted(slices.Values(values))[len(values)/2] }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measurePrograms compares the size of the programs and the time of their starts, in turn.
func measurePrograms(t *testing.T, f *figures) {
	var size, start, fastest [2]float64
	var took [2][]time.Duration
	for range startRounds {
		for i, p := range sides {
			a, d := launch(t, p, "alone")
			a.kill()
			took[i] = append(took[i], d)
		}
	}
	for i, p := range sides {
		info, err := os.Stat(p.find(t))
		must(t, err)
		size[i] = float64(info.Size()) / 1e6
		start[i], fastest[i] = milliseconds(middle(took[i])), milliseconds(slices.Min(took[i]))
	}
	f.add("program, stripped", "MB", size)
	f.add("start to running, median", "ms", start)
	f.add("start to running, fastest", "ms", fastest)
}

// measureAlone measures an agent without other members.
func measureAlone(t *testing.T, f *figures) {
	var agents [2]*agentProcess
	for i, p := range sides {
		agents[i], _ = launch(t, p, "alone")
		defer agents[i].kill()
	}
	time.Sleep(settleTime / 2)
	var resident, private [2]float64
	for i, a := range agents {
		u := a.usage(t)
		resident[i], private[i] = u.resident, u.private
	}
	f.add("resident memory, alone", "MB", resident)
	f.add("of it not of files, alone", "MB", private)
}

// measureIdle measures an idle cluster of each implementation, both at once, so that other load
// affects both.
func measureIdle(t *testing.T, f *figures) {
	var clusters [2][]*agentProcess
	for i, p := range sides {
		clusters[i] = launchCluster(t, p, idleMembers)
	}
	time.Sleep(settleTime)
	before := usages(t, clusters)
	time.Sleep(idleTime)
	after := usages(t, clusters)
	var processor, switches, resident, private [2]float64
	for i := range clusters {
		var p, s, r, v []float64
		for j, u := range after[i] {
			p = append(p, milliseconds(u.processor-before[i][j].processor)/idleTime.Seconds())
			s = append(s, float64(u.switches-before[i][j].switches)/idleTime.Seconds())
			r, v = append(r, u.resident), append(v, u.private)
		}
		processor[i], switches[i], resident[i], private[i] = middle(p), middle(s), middle(r), middle(v)
		for _, a := range clusters[i] {
			a.kill()
		}
	}
	f.add(fmt.Sprintf("resident memory, cluster of %d", idleMembers), "MB", resident)
	f.add(fmt.Sprintf("of it not of files, cluster of %d", idleMembers), "MB", private)
	f.add(fmt.Sprintf("processor time, cluster of %d", idleMembers), "ms/s", processor)
	f.add(fmt.Sprintf("context switches, cluster of %d", idleMembers), "1/s", switches)
}

func usages(t *testing.T, clusters [2][]*agentProcess) (all [2][]usage) {
	for i := range clusters {
		for _, a := range clusters[i] {
			all[i] = append(all[i], a.usage(t))
		}
	}
	return all
}

// measureEvents fires events at one of three agents as fast as it accepts them.
func measureEvents(t *testing.T, f *figures) {
	var lost, perEvent, processor [2]float64
	for i, p := range sides {
		agents := launchCluster(t, p, 3)
		var tallies []*tally
		for _, a := range agents {
			tallies = append(tallies, tallyAt(t, p.name+" agent", a.rpcAddr()))
		}
		c, err := rpc.Dial(t.Context(), agents[0].rpcAddr(), rpc.Options{})
		must(t, err)
		before := sumOf(t, agents)
		began := time.Now()
		for n := range eventCount {
			must(t, c.UserEvent(t.Context(), "burst", numbered(n), false))
		}
		accepted := time.Since(began)
		lost[i], perEvent[i] = share(tallies, began)
		delivered := eventCount * (1 - lost[i]/100)
		processor[i] = float64((sumOf(t, agents) - before).Microseconds()) / max(delivered, 1)
		t.Logf("%s: %d events accepted in %v", p.name, eventCount, accepted.Round(time.Millisecond))
		c.Close()
		for _, a := range agents {
			a.kill()
		}
	}
	f.add(fmt.Sprintf("%d events by RPC, not delivered on all of 3", eventCount), "%", lost)
	f.add(fmt.Sprintf("%d events by RPC, time for each that is", eventCount), "µs", perEvent)
	f.add(fmt.Sprintf("%d events by RPC, processor time of all 3 for each that is", eventCount), "µs", processor)
}

// sumOf returns the processor time of all agents.
func sumOf(t *testing.T, agents []*agentProcess) (sum time.Duration) {
	for _, a := range agents {
		sum += a.usage(t).processor
	}
	return sum
}

// share waits until no more events arrive. It returns the percentage of events that some agent
// didn't deliver, and the microseconds per event that all did.
func share(tallies []*tally, began time.Time) (lost, perEvent float64) {
	for sum, at := -1, time.Now(); time.Since(at) < eventsQuiet; time.Sleep(100 * time.Millisecond) {
		now := 0
		for _, c := range tallies {
			now += c.different()
		}
		if now == eventCount*len(tallies) {
			break
		}
		if now != sum {
			sum, at = now, time.Now()
		}
	}
	everywhere, last := 0, began
	for n := range eventCount {
		all := true
		for _, c := range tallies {
			all = all && c.has(n)
		}
		if all {
			everywhere++
		}
	}
	for _, c := range tallies {
		if c.last.After(last) {
			last = c.last
		}
	}
	return 100 * float64(eventCount-everywhere) / eventCount, float64(last.Sub(began).Microseconds()) / float64(max(everywhere, 1))
}

// measureQueries runs the command line's query with its default time-out on three agents.
func measureQueries(t *testing.T, f *figures) {
	var took [2]float64
	script := filepath.Join(t.TempDir(), "load.sh")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\necho 0.5\n"), 0o700))
	for i, p := range sides {
		agents := launchCluster(t, p, 3, "-event-handler=query:load="+script)
		var all []time.Duration
		for range queryRounds {
			time.Sleep(settleTime / 4) // gossip under way would precede the query
			began := time.Now()
			out, err := exec.Command(p.find(t), "query", "-rpc-addr="+agents[0].rpcAddr(), "load").CombinedOutput()
			all = append(all, time.Since(began))
			if err == nil && !strings.Contains(string(out), "Total Responses: 3") {
				err = errors.New("not answered by all")
			}
			if err != nil {
				t.Fatalf("%s query: %v\n%s", p.name, err, out)
			}
		}
		took[i] = milliseconds(middle(all))
		for _, a := range agents {
			a.kill()
		}
	}
	f.add("serf query, 3 agents, default time-out", "ms", took)
}
