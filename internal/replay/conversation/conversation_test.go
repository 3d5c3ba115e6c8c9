package conversation_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/agent/config"
	"serf/agent/recording"
	"serf/internal/replay"
	"serf/internal/replay/conversation"
)

// kept is one of the recordings of package replay, with its keys.
func kept(t *testing.T, name string) *replay.Walk {
	t.Helper()
	dir := filepath.Join("..", "testdata", name)
	r, err := recording.Read(filepath.Join(dir, "web-1"))
	if err != nil {
		t.Fatal(err)
	}
	keys := recording.Keys{}
	if data, err := os.ReadFile(filepath.Join(dir, "keyring.json")); err == nil {
		list, err := config.ParseKeyring("", data)
		if err != nil {
			t.Fatal(err)
		}
		keys.Add(list...)
	}
	return &replay.Walk{Recording: r, Keys: keys}
}

// stretch is from then to then after the beginning.
func stretch(w *replay.Walk, from, to time.Duration) replay.Stretch {
	begin := replay.First(w)
	return replay.Stretch{From: begin.Add(from), To: begin.Add(to)}
}

func export(t *testing.T, name string, from, to time.Duration) ([]byte, conversation.Exported) {
	t.Helper()
	w := kept(t, name)
	w.In = stretch(w, from, to)
	text, x, err := conversation.Export(w)
	if err != nil {
		t.Fatal(err)
	}
	return text, x
}

func check(t *testing.T, text []byte) []string {
	t.Helper()
	c, err := conversation.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	wrong, err := c.Check(false)
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}

// From the start, or from a state in the middle: each input has the effects that it had.
func TestExportReproducesTheStretch(t *testing.T) {
	for _, name := range []string{"plain", "encrypted", "restarts"} {
		for _, from := range []time.Duration{0, 2500 * time.Millisecond} {
			text, x := export(t, name, from, time.Hour)
			if x.Same != x.Inputs || x.Inputs < 5 || x.Node != "web-1" {
				t.Errorf("%s from %v: %+v", name, from, x)
			}
			if wrong := check(t, text); len(wrong) > 0 {
				t.Errorf("%s from %v: %s", name, from, wrong)
			}
			if state := bytes.Contains(text, []byte("\nstate ")); state != (from > 0) {
				t.Errorf("%s from %v: has a state: %v", name, from, state)
			}
			c, _ := conversation.Parse(text)
			if again := c.Append(nil); !bytes.Equal(again, text) {
				t.Errorf("%s from %v: read and written it is\n%s", name, from, again)
			}
		}
	}
}

// A file goes to bug trackers and into a repository.
func TestExportHasNoKeys(t *testing.T) {
	keys := kept(t, "encrypted").Keys
	keyed := false
	for _, from := range []time.Duration{0, 2105 * time.Millisecond} { // before the keys change, and amid
		text, _ := export(t, "encrypted", from, time.Hour)
		c, err := conversation.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all := append([]byte{}, text...)
		all = append(all, c.Checkpoint.State...)
		for _, in := range c.Inputs {
			all = append(all, bytes.Join(in.Msgs, nil)...)
			all = append(append(all, in.Entry.Data...), in.Entry.Stream.Data...)
			keyed = keyed || strings.Contains(strings.Join(in.Lines, ""), "key request Key=")
		}
		for _, key := range keys {
			if bytes.Contains(all, key) || bytes.Contains(all, []byte(base64.StdEncoding.EncodeToString(key))) {
				t.Error("a key is in the file")
			}
		}
	}
	if !keyed {
		t.Error("no key was on its way in any of the stretches")
	}
}

// A developer deletes lines until only the bug is left: each line can go.
func TestAnyLineCanBeDeleted(t *testing.T) {
	for _, name := range []string{"encrypted", "restarts"} {
		text, _ := export(t, name, 2*time.Second, 4*time.Second)
		lines := strings.SplitAfter(strings.Replace(string(text), "exact\n", "", 1), "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, "state ") || strings.HasPrefix(line, "ring ") || strings.HasPrefix(line, "key ") || line == "config\n" {
				continue // nothing goes without them
			}
			if i > 0 && inState(lines[:i]) {
				continue
			}
			less := strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "")
			c, err := conversation.Parse([]byte(less))
			if err == nil {
				_, err = c.Play()
			}
			if err != nil {
				t.Fatalf("without line %d, %q: %v", i+1, line, err)
			}
		}
	}
}

// inState tells whether the next line is one of the state.
func inState(before []string) bool {
	for i := len(before) - 1; i >= 0; i-- {
		if !strings.HasPrefix(before[i], "  ") {
			return strings.HasPrefix(before[i], "state ") || strings.HasPrefix(before[i], "config")
		}
	}
	return false
}

const small = `# A member that is suspected refutes.
exact
config
  Name: "web-1"
  Addr: "127.0.0.11:7946"
  Seed: 1
  ProbeInterval: 1000000000
  ProbeTimeout: 500000000
  GossipInterval: 200000000
  GossipNodes: 3
  IndirectProbes: 3
  SuspicionMult: 4
  SuspicionMaxMult: 6
  RetransmitMult: 4
  AwarenessMax: 8
  PushPullInterval: 30000000000
  StreamTimeout: 10000000000
  LeaveTimeout: 5000000000

0s start
%s10ms packet from 127.0.0.12:7946
  # alive node=web-2
  msg %s
%s20ms packet from 127.0.0.12:7946
  msg %s
%s`

func file(effects ...string) string {
	alive := "BIakQWRkcqR/AAAMq0luY2FybmF0aW9uAaRNZXRhwKROb2RlpXdlYi0ypFBvcnTNHwqjVnNuxAYBBQICBQU="
	suspect := "A4OkRnJvbaV3ZWItMqtJbmNhcm5hdGlvbgGkTm9kZaV3ZWItMQ=="
	return fmt.Sprintf(small, effects[0], alive, effects[1], suspect, effects[2])
}

func TestWhatIsWanted(t *testing.T) {
	none := file("", "", "")
	c, err := conversation.Parse([]byte(none))
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := c.Check(false); err != nil || len(wrong) != 3 {
		t.Fatalf("exact and nothing wanted: %v, %v", wrong, err)
	}
	if wrong, err := c.Check(true); err != nil || len(wrong) != 0 {
		t.Fatalf("updated: %v, %v", wrong, err)
	}
	updated := string(c.Append(nil))
	if wrong := check(t, []byte(updated)); len(wrong) != 0 {
		t.Errorf("what was updated isn't what comes: %v", wrong)
	}
	if !strings.Contains(updated, "  > note level=WARN component=memberlist text=\"Refuting an accusation (from: web-2), incarnation is now 2\"\n") {
		t.Errorf("the note of the refutation is missing in\n%s", updated)
	}
	some := strings.Replace(none, "exact\n", "", 1)
	for _, c := range []struct {
		text  string
		wrong int
	}{
		{some, 0},
		{some + "  > note *incarnation is now 2\"\n", 0},
		{some + "  > note *incarnation is now 3\"\n", 1},
		{some + "  > note *\n  > note *\n  > note *\n", 1},
		{strings.Replace(some, "config", "never event member-failed*\nconfig", 1), 0},
		{strings.Replace(some, "config", "never *Refuting*\nconfig", 1), 1},
		{some + "100ms run\n  > packet 127.0.0.12:7946: alive *Incarnation=2 Node=web-1*\n", 0},
		{some + "100ms tick\n150ms leave\n  > return op=*\n", 0},
		{some + "150ms user-event\n  with {\"Name\":\"deploy\",\"Data\":\"djI=\"}\n  > event user-event name=deploy *data=v2\n", 0},
	} {
		if wrong := check(t, []byte(c.text)); len(wrong) != c.wrong {
			t.Errorf("%d are wrong, want %d: %s\n%s", len(wrong), c.wrong, wrong, c.text)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	lines := strings.Count(file("", "", ""), "\n")
	for text, want := range map[string]string{
		"5s jump\n":                    `unknown input "jump"`,
		"5 tick\n":                     "want a time and an input",
		"5s\n":                         "want a time and an input",
		"5s packet to 1.2.3.4:5\n":     `packet: unexpected "to"`,
		"5s packet from there\n":       "not an ip:port",
		"5s packet key 12\n":           "is no fingerprint",
		"5s stream up 1\n":             "want request, reply, failed, sent",
		"5s stream reply x\n":          "invalid syntax",
		"5s leave\n  with {\"X\":1}\n": `unknown field "X"`,
		"5s tick\n  < maybe true\n":    `unknown answer "maybe true"`,
		"5s tick\n  word: x\n":         "unexpected",
		"whatever\n":                   `unknown "whatever"`,
	} {
		_, err := conversation.Parse([]byte(file("", "", "") + text))
		line := fmt.Sprintf("line %d: ", lines+strings.Count(text, "\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), line) {
			t.Errorf("%q: %v, want %s...%s", text, err, line, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file("", "", ""))
	f.Add("key 0102030405060708 16\nring 0102030405060708\nstate 5s\n  AAEC\n\n1s start\n2s run\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := conversation.Parse([]byte(text))
		if err != nil {
			return
		}
		c.Append(nil)
	})
}
