package interop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// outcome is what a command printed and returned.
type outcome struct {
	command string
	exit    int
	out     string // standard output, normalized; empty after a failure, which each implementation words its own way
}

// commandLine runs the commands of one implementation against an agent of either.
type commandLine struct {
	path     string
	rpcAddr  string
	replacer *strings.Replacer // of what differs from run to run
	outcomes []outcome
}

// newCommandLine returns the command line of p for agent a. In its output, names replace addresses.
func newCommandLine(t *testing.T, p program, a *running, members ...member) *commandLine {
	var pairs []string
	for _, m := range append(members, a) {
		pairs = append(pairs, m.addr().Addr().String(), "IP-of-"+m.name())
	}
	return &commandLine{path: p.find(t), rpcAddr: a.rpcAddr(), replacer: strings.NewReplacer(pairs...)}
}

// run runs a command and records its outcome under its arguments.
func (c *commandLine) run(args ...string) (stdout, stderr string) {
	out, errs, exit := c.exec(args...)
	o := outcome{command: c.replacer.Replace(strings.Join(args, " ")), exit: exit}
	if exit == 0 {
		o.out = c.normal(out)
	}
	c.outcomes = append(c.outcomes, o)
	return out, errs
}

func (c *commandLine) exec(args ...string) (stdout, stderr string, exit int) {
	cmd := exec.Command(c.path, args...)
	cmd.Env = append(os.Environ(), "SERF_RPC_ADDR="+c.rpcAddr)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exitError *exec.ExitError
	switch err := cmd.Run(); {
	case errors.As(err, &exitError):
		exit = exitError.ExitCode()
	case err != nil:
		return "", err.Error(), -1
	}
	return out.String(), errs.String(), exit
}

var (
	padding = regexp.MustCompile(` {2,}`)
	numbers = regexp.MustCompile(`[0-9]+\.[0-9]+ (ms|sec)`)
	tagList = regexp.MustCompile(`\w+=\w+(,\w+=\w+)+`)
)

// normal makes outputs comparable: it removes addresses, the widths that follow from them, and
// times, and sorts, because the original lists members, tags and answers in random order.
func (c *commandLine) normal(out string) string {
	out = c.replacer.Replace(out)
	if strings.HasPrefix(out, "{") {
		return sortedJSON(out)
	}
	out = numbers.ReplaceAllString(out, "N $1")
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(padding.ReplaceAllString(line, "  "))
		if line != "" && !strings.HasPrefix(line, deprecation) && !strings.HasPrefix(line, views) {
			lines = append(lines, tagList.ReplaceAllStringFunc(line, sortedTags))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// deprecation begins a warning that the original prints on standard output, views what our
// reachability says of our agents.
const (
	deprecation = "Deprecation warning"
	views       = "Views compared"
)

// sortedTags sorts k=v,k=v.
func sortedTags(list string) string {
	tags := strings.Split(list, ",")
	slices.Sort(tags)
	return strings.Join(tags, ",")
}

func sortedJSON(text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err.Error() + " in " + text
	}
	b, err := json.MarshalIndent(sortArrays(v), "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func sortArrays(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = sortArrays(v[k])
		}
	case []any:
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

// ownSections are the sections of `info` that only our agents have: what they counted, dropped and
// recorded, what waits for their handlers, their timings, and whom they consider alive.
var ownSections = []string{
	"counters:", "dropped:", "handlers:", "recording:", "settings:", "view:",
}

// keysOnly returns the names in the output of `info`, without our own sections. The values depend
// on the machine and the moment.
func keysOnly(out string) string {
	var lines []string
	own := false
	for line := range strings.Lines(out) {
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if !strings.HasPrefix(line, "\t") {
			own = slices.Contains(ownSections, line)
		}
		if !own {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// TestCommands runs the same commands of each implementation against agents of each, and compares
// what they print and return with what the original does by itself.
func TestCommands(t *testing.T) {
	t.Parallel()
	compareCommands(t, goThroughCommands)
}

// TestKeyCommands does the same with the commands for keys, in an encrypted cluster.
func TestKeyCommands(t *testing.T) {
	t.Parallel()
	compareCommands(t, goThroughKeyCommands)
}

func compareCommands(t *testing.T, script func(t *testing.T, cli, agent program) []outcome) {
	var mu sync.Mutex
	all := make(map[string][]outcome)
	programs := []program{originalProgram, ownProgram}
	t.Run("run", func(t *testing.T) {
		for _, cli := range programs {
			for _, agent := range programs {
				name := cli.name + " command, " + agent.name + " agent"
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					outcomes := script(t, cli, agent)
					mu.Lock()
					defer mu.Unlock()
					all[name] = outcomes
				})
			}
		}
	})
	reference := all["original command, original agent"]
	for name, outcomes := range all {
		if len(outcomes) != len(reference) {
			t.Fatalf("%s: %d outcomes, want %d", name, len(outcomes), len(reference))
		}
		for i, want := range reference {
			if got := outcomes[i]; got != want {
				t.Errorf("%s: serf %s\nexit %d, prints\n%s\nwant exit %d and\n%s", name, got.command, got.exit, got.out, want.exit, want.out)
			}
		}
	}
}

func goThroughCommands(t *testing.T, cli, agent program) []outcome {
	a := agent.start(t, options{name: "one", tags: map[string]string{"role": "web", "dc": "east"}}, dialOwn)
	two := original.start(t, options{name: "two", tags: map[string]string{"role": "db"}})
	three := original.start(t, options{name: "three"})
	must(t, three.join(false, two))
	c := newCommandLine(t, cli, a, two, three)

	c.run("members")
	c.run("join", two.addr().String())
	wantAgreement(t, a, two, three)
	c.run("join", "-replay", two.addr().Addr().String(), three.addr().String())
	for _, args := range [][]string{
		{}, {"-detailed"}, {"-format=json"}, {"-format", "json", "-detailed"}, {"-status=alive"}, {"-status", "failed"}, {"-name=t.*"},
		{"-tag", "role=d."}, {"-tag", "role=.*", "-tag", "dc=east"}, {"-role=web"}, {"--name=two"},
	} {
		c.run(append([]string{"members"}, args...)...)
	}
	c.run("event", "deploy", "v1")
	c.run("event", "-coalesce=false", "bare")
	wantEvent(t, "user deploy v1", two, three, a)
	wantEvent(t, "user bare ", two, three, a)
	const short = "-timeout=1500ms" // several rounds of gossip on a busy machine
	c.run("query", short, echoQuery, "hi")
	c.run("query", short, "-format=json", echoQuery, "hi")
	c.run("query", short, "-no-ack", echoQuery, "hi")
	c.run("query", short, "-node=two", "-node", "three", echoQuery)
	c.run("query", short, "-tag", "role=db", "-relay-factor=1", echoQuery, "hi")
	c.run("query", "-format=nonsense", echoQuery)
	c.run("tags", "-set", "a=b", "-set=c=d", "-delete", "dc")
	eventually(t, patience, "new tags", func() error {
		if tags := two.members()["one"].Tags; tags != "a=b,c=d,role=web" {
			return errors.New(tags)
		}
		return nil
	})
	c.run("members", "-name=one")
	c.outcomes = append(c.outcomes, c.info(t))
	c.run("rtt", "one")
	c.run("rtt", "nobody")
	c.run("reachability")
	c.run("keys", "-list")
	c.run("join", "127.0.0.1:1")
	c.run("event")
	c.run("query")
	c.run("rtt")
	c.run("tags")
	c.run("force-leave")
	c.run("join")

	three.kill()
	wantStatus(t, "three", "failed", a, two)
	c.run("members", "-status=failed")
	c.run("force-leave", "three")
	wantStatus(t, "three", "left", a, two)
	c.run("members")
	c.run("reachability")
	// The original dates a leave that it learns by push/pull one Lamport time late, and ignores a
	// prune of that very time. A join in between advances the clock past it.
	c.run("join", two.addr().String())
	c.run("force-leave", "-prune", "three")
	wantStatus(t, "three", "gone", a, two)
	c.run("members")

	c.run("leave")
	wantDeparture(t, a, two)
	must(t, a.wait())
	c.run("members")
	return c.outcomes
}

// info runs `info`, text and JSON, and keeps the names in it.
func (c *commandLine) info(t *testing.T) outcome {
	t.Helper()
	text, _, exit := c.exec("info")
	raw, _, exitJSON := c.exec("info", "-format=json")
	var sections map[string]map[string]string
	if err := json.Unmarshal([]byte(raw), &sections); err != nil || sections["agent"]["name"] != "one" {
		t.Errorf("info -format=json: %v in %s", err, raw)
	}
	return outcome{command: "info", exit: exit + exitJSON, out: keysOnly(text)}
}

func goThroughKeyCommands(t *testing.T, cli, agent program) []outcome {
	key := []byte(strings.Repeat("o", 32))
	old, next := base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32)))
	two := original.start(t, options{name: "two", keys: [][]byte{key}})
	a := agent.start(t, options{name: "one"}, dialOwn, "-encrypt="+old, "-join="+two.addr().String())
	wantAgreement(t, a, two)
	c := newCommandLine(t, cli, a, two)
	c.run("keys", "-list")
	c.run("keys", "-install="+next)
	c.run("keys", "-list")
	c.run("keys", "-use", next)
	out, errs := c.run("keys", "-remove="+next)
	for _, name := range []string{"one", "two"} {
		if all := c.normal(out + errs); !strings.Contains(all, "failed:  "+name+"  ") {
			t.Errorf("keys -remove of the primary key doesn't say that %s failed:\n%s", name, all)
		}
	}
	c.run("keys", "-remove="+old)
	c.run("keys", "-list")
	c.run("keys", "-install=nonsense")
	c.run("keys")
	return c.outcomes
}

// TestMonitorCommand follows the log of an agent until it leaves.
func TestMonitorCommand(t *testing.T) {
	t.Parallel()
	for _, p := range [][2]program{{originalProgram, ownProgram}, {ownProgram, originalProgram}} {
		t.Run(p[0].name+" command, "+p[1].name+" agent", func(t *testing.T) {
			t.Parallel()
			a := p[1].start(t, options{name: "one"}, dialOwn)
			var out transcript
			monitor := exec.Command(p[0].find(t), "monitor", "-rpc-addr="+a.rpcAddr(), "-log-level=debug")
			monitor.Stdout, monitor.Stderr = &out, &out
			must(t, monitor.Start())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				monitor.Wait()
			}()
			t.Cleanup(func() {
				monitor.Process.Kill()
				<-ended
			})
			wantOutput(t, &out, "EventMemberJoin: one")
			must(t, a.event("seen", nil, false))
			wantOutput(t, &out, "Received event: user-event: seen")
			must(t, a.leave())
			eventually(t, patience, "the end of the monitor", func() error {
				select {
				case <-ended:
					return nil
				default:
					return errors.New("it runs")
				}
			})
		})
	}
}

// serf watch follows an agent of either kind, as lines, and ends when it is interrupted.
func TestWatchCommand(t *testing.T) {
	t.Parallel()
	for _, p := range []program{originalProgram, ownProgram} {
		t.Run(p.name+" agent", func(t *testing.T) {
			t.Parallel()
			a := p.start(t, options{name: "one"}, dialOwn)
			var out transcript
			watch := exec.Command(ownProgram.find(t), "watch", "-rpc-addr="+a.rpcAddr())
			watch.Stdout, watch.Stderr = &out, &out
			must(t, watch.Start())
			t.Cleanup(func() { watch.Process.Kill() })
			wantOutput(t, &out, "Z connected one\n")
			wantOutput(t, &out, "Z member one 127.0.")
			must(t, a.event("seen", []byte("x"), false))
			wantOutput(t, &out, `Z user seen ltime=1 "x"`+"\n")
			must(t, a.leave())
			wantOutput(t, &out, "Z disconnected ")
			must(t, watch.Process.Signal(os.Interrupt))
			must(t, watch.Wait())
		})
	}
}

func wantOutput(t *testing.T, out *transcript, want string) {
	t.Helper()
	eventually(t, patience, want, func() error {
		if !strings.Contains(out.String(), want) {
			return errors.New("not in\n" + out.String())
		}
		return nil
	})
}
