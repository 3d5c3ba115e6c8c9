package interop

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// The same program on package membership and on memberlist.
var besides = [2]program{
	{"ours", builder(".", "./beside/ours", "beside-ours", "-trimpath", "-ldflags=-s -w")},
	{"original", builder(".", "./beside/original", "beside-original", "-trimpath", "-ldflags=-s -w")},
}

// launchBeside starts so many members in processes of their own, and returns when each knows all.
func launchBeside(t *testing.T, p program, size int) (all []*agentProcess) {
	t.Helper()
	known := make(chan bool, size)
	for i := range size {
		a := &agentProcess{ip: ownIP(t)}
		args := []string{fmt.Sprintf("%s-%03d", p.name, i), a.bind(), fmt.Sprint(size)}
		if i > 0 {
			args = append(args, all[0].bind())
		}
		a.cmd = exec.Command(p.find(t), args...)
		a.cmd.Env = append(a.cmd.Environ(), "GOMAXPROCS=2")
		out, err := a.cmd.StdoutPipe()
		must(t, err)
		must(t, a.cmd.Start())
		t.Cleanup(a.kill)
		go func() { known <- bufio.NewScanner(out).Scan() }()
		all = append(all, a)
		waitBound(t, a)
	}
	for range size {
		if !<-known {
			t.Fatalf("a member of %s has ended", p.name)
		}
	}
	return all
}

// waitBound waits until a member listens: the next one may join it.
func waitBound(t *testing.T, a *agentProcess) {
	t.Helper()
	eventually(t, 10*time.Second, "a member that listens", func() error {
		c, err := net.Dial("tcp", a.bind())
		if err == nil {
			c.Close()
		}
		return err
	})
}

// TestBeside prints what membership takes beside memberlist, in clusters of processes. It asserts
// that each member finds all others.
func TestBeside(t *testing.T) {
	if !*ratios {
		t.Skip("-ratios prints the table of members next to memberlist's; it takes five minutes")
	}
	if runtime.GOOS != "linux" {
		t.Skip("what a process takes is read from /proc")
	}
	f := new(figures)
	defer f.print()
	for _, size := range []int{3, 30, 300} {
		measureBeside(t, f, size)
	}
}

// measureBeside measures clusters of this size that idle.
func measureBeside(t *testing.T, f *figures, size int) {
	var processor, switches, resident, private [2]float64
	for i, p := range besides { // in turn: the processors are few
		all := launchBeside(t, p, size)
		time.Sleep(settleTime)
		var before []usage
		for _, a := range all {
			before = append(before, a.usage(t))
		}
		began := time.Now()
		time.Sleep(idleTime)
		var c, s, r, v []float64
		for k, a := range all {
			u, took := a.usage(t), time.Since(began).Seconds()
			c = append(c, milliseconds(u.processor-before[k].processor)/took)
			s = append(s, float64(u.switches-before[k].switches)/took)
			r, v = append(r, u.resident), append(v, u.private)
		}
		processor[i], switches[i], resident[i], private[i] = middle(c), middle(s), middle(r), middle(v)
		for _, a := range all {
			a.kill()
		}
	}
	f.add(fmt.Sprintf("processor time, %d members", size), "ms/s", processor)
	f.add(fmt.Sprintf("context switches, %d members", size), "1/s", switches)
	f.add(fmt.Sprintf("resident memory, %d members", size), "MB", resident)
	f.add(fmt.Sprintf("of it not of files, %d members", size), "MB", private)
}
