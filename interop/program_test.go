package interop

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// atOnce is how many tests run in parallel: they mostly wait for timers of the other side.
const atOnce = "8"

// binDir is where programs are built, once per run.
var binDir string

// programsEnv names the directory with the programs, for a test that runs itself again.
const programsEnv = "SERF_INTEROP_PROGRAMS"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		binDir = os.Getenv(programsEnv)
		if binDir == "" {
			dir, err := os.MkdirTemp("", "serf-interop-")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			binDir = dir
		}
		flag.Parse()
		if flag.Lookup("test.parallel").Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) { // the default
			flag.Set("test.parallel", atOnce)
		}
		return m.Run()
	}())
}

// program is an implementation of agent and command line.
type program struct {
	name string
	find func(t *testing.T) string // the path of its binary
}

var (
	ownProgram      = program{"ours", builder("..", "./cmd/serf", "ours")}
	originalProgram = program{"original", builder(".", "github.com/hashicorp/serf/cmd/serf", "original")}
	debianProgram   = program{"debian", findDebian}
)

// builder returns a function that builds a program of the module in dir on its first call.
func builder(dir, pkg, name string, flags ...string) func(t *testing.T) string {
	build := sync.OnceValues(func() (string, error) {
		path := filepath.Join(binDir, name)
		if os.Getenv(programsEnv) != "" {
			return path, nil
		}
		cmd := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{pkg})...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
		return path, err
	})
	return func(t *testing.T) string {
		t.Helper()
		path, err := build()
		must(t, err)
		return path
	}
}

const debianPath = "/usr/bin/serf"

// findDebian returns the path of Debian's serf, which is older than 0.10.
func findDebian(t *testing.T) string {
	t.Helper()
	_, err := os.Stat(debianPath)
	switch {
	case err == nil:
		return debianPath
	case os.Getenv("CI") != "":
		t.Fatalf("Debian's serf is missing, which CI must have: apt-get install serf: %v", err)
	}
	t.Skipf("needs Debian's serf (apt-get install serf): %v", err)
	return ""
}

// running is an agent in a process of its own, and a client's connection to it. It is a member.
type running struct {
	recorder
	caller
	program program
	self    string
	bind    netip.AddrPort
	public  netip.AddrPort // the advertised address, if it isn't bind
	cmd     *exec.Cmd
	log     *transcript   // everything that it printed
	ended   chan struct{} // closed when the process has
	err     error         // how it ended
}

// start starts an agent and connects to it with the client dial. The options for timing and layers
// don't apply; args set these. The timing is the default profile's: the local profile sends gossip
// so rarely that all of it can go to dead members.
func (p program) start(t *testing.T, o options, dial dialer, args ...string) *running {
	t.Helper()
	path := p.find(t)
	if !o.ip.IsValid() {
		o.ip = ownIP(t)
	}
	r := &running{program: p, self: o.name, bind: netip.AddrPortFrom(o.ip, gossipPort), ended: make(chan struct{})}
	args = append([]string{
		"agent", "-node=" + o.name, "-bind=" + r.bind.String(), "-rpc-addr=" + r.rpcAddr(), "-log-level=debug",
	}, args...)
	for k, v := range o.tags {
		args = append(args, "-tag="+k+"="+v)
	}
	r.cmd = exec.Command(path, args...)
	r.log = newTranscript(t, o.name)
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	must(t, r.cmd.Start())
	if o.began != nil {
		o.began(r.cmd.Process.Pid)
	}
	go func() {
		defer close(r.ended)
		r.err = r.cmd.Wait()
	}()
	t.Cleanup(func() { r.kill() })
	eventually(t, patience, "an RPC server of "+o.name, func() (err error) {
		r.caller, err = dial(r.rpcAddr())
		return err
	})
	t.Cleanup(r.caller.close)
	_, err := r.caller.stream("*", r.hear)
	must(t, err)
	return r
}

func (r *running) hear(e rpcEvent) {
	switch e.kind {
	case "user":
		r.addf("user %s %s", e.name, e.payload)
	case "query":
		r.addf("query %s %s", e.name, e.payload)
		if e.name == echoQuery {
			// In another goroutine: this one may be the client's reader.
			go r.caller.respond(e.id, []byte(reply(r.self, e.payload)))
		}
	default:
		for _, name := range e.members {
			r.addf("%s %s", e.kind, name)
		}
	}
}

func (r *running) name() string    { return r.self }
func (r *running) rpcAddr() string { return netip.AddrPortFrom(r.bind.Addr(), rpcPort).String() }

func (r *running) addr() netip.AddrPort {
	if r.public.IsValid() {
		return r.public
	}
	return r.bind
}

func (r *running) join(replay bool, others ...member) error {
	_, err := r.caller.join(addrsOf(others), replay)
	return err
}

func (r *running) members() map[string]seen {
	all, err := r.caller.members(memberFilter{})
	if err != nil {
		return map[string]seen{"error": {Status: err.Error()}}
	}
	return all
}

func (r *running) setTags(tags map[string]string) error {
	var gone []string
	current, err := r.caller.stats()
	if err != nil {
		return err
	}
	for k := range current["tags"] {
		if _, stays := tags[k]; !stays {
			gone = append(gone, k)
		}
	}
	slices.Sort(gone)
	return r.caller.setTags(tags, gone)
}

// leave returns when the process has ended.
func (r *running) leave() error {
	if err := r.caller.leave(); err != nil {
		return err
	}
	return r.wait()
}

// wait waits for the process to end.
func (r *running) wait() error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-r.ended:
		return r.err
	case <-timeout.C:
		return errors.New("the agent doesn't end")
	}
}

// kill ends the process without warning.
func (r *running) kill() {
	r.cmd.Process.Kill() // it may have ended already
	<-r.ended
}
