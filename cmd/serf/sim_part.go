package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"

	"serf/agent/disk"
	"serf/internal/std"
	"serf/netsim/scenario"
)

// partFormat counts the changes of a part's file that other programs must know of.
const partFormat = 1

// partMax limits what is read of a part's file, in bytes. The runs of a large sweep take 20 MB.
const partMax = 1 << 30

// partHead is the first line of a part's file. Each other line is a partRun.
type partHead struct {
	Format int    `json:"part_format"`
	Build  string `json:"build"`
	// Command and Args are words of the command line, without options about output and processors.
	Command  string          `json:"command"` // as in "sim lifeguard"
	Args     []string        `json:"args"`
	Settings json.RawMessage `json:"settings"`
	Runs     int             `json:"runs"` // of all parts
	Shard    scenario.Shard  `json:"shard"`
}

// partRun is a line of a part's file.
type partRun struct {
	Run    int             `json:"run"`
	Result json.RawMessage `json:"result"`
}

func newPartHead(command string, args []string, s scenario.Shard, x experiment) (partHead, error) {
	build, err := thisBuild()
	if err != nil {
		return partHead{}, err
	}
	settings, err := json.Marshal(x.settings())
	return partHead{partFormat, build, command, notNil(args), settings, x.size(), s}, err
}

// thisBuild names the program's version and commit, and if the commit doesn't determine the program
// a hash of it, too.
var thisBuild = sync.OnceValues(func() (string, error) {
	info, _ := debug.ReadBuildInfo()
	c := commitOf(info)
	if c != "unknown" && !strings.Contains(c, " ") {
		return version + ", commit " + c, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, commit %s, program %x", version, c, h.Sum(nil)[:8]), nil
})

// differs says how h, of a file, is about something else than want, of which the name is given; ""
// if it isn't.
func (h *partHead) differs(want *partHead, there string) string {
	for _, x := range []struct {
		what        string
		here, there any
	}{
		{"form of the file", h.Format, want.Format}, {"build", h.Build, want.Build},
		{"command", "serf " + h.Command, "serf " + want.Command},
		{"", decoded(h.Settings), decoded(want.Settings)}, {"runs", h.Runs, want.Runs},
		{"parts", h.Shard.Of, want.Shard.Of},
	} {
		if d := difference(x.what, x.here, x.there, there); d != "" {
			return d
		}
	}
	return ""
}

func decoded(data json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	_ = d.Decode(&v) // what isn't JSON is nil: it differs
	return v
}

// difference names the first difference of two values of JSON.
func difference(path string, here, other any, there string) string {
	if a, ok := here.(map[string]any); ok {
		if b, ok := other.(map[string]any); ok {
			all := maps.Clone(a)
			maps.Copy(all, b)
			for _, k := range std.SortedKeys(all) {
				key := strings.TrimPrefix(path+"."+k, ".")
				if d := difference(key, a[k], b[k], there); d != "" {
					return d
				}
			}
			return ""
		}
	}
	if a, ok := here.([]any); ok {
		if b, ok := other.([]any); ok && len(a) == len(b) {
			for i := range a {
				if d := difference(fmt.Sprintf("%s[%d]", path, i), a[i], b[i], there); d != "" {
					return d
				}
			}
			return ""
		}
	}
	if reflect.DeepEqual(here, other) {
		return ""
	}
	return fmt.Sprintf("%s: %s here, %s %s", path, shown(here), shown(other), there)
}

func shown(v any) string {
	if v == nil {
		return "not given"
	}
	b, _ := json.Marshal(v) // it was decoded from JSON, or is a number or text
	return string(b)
}

// readPart reads a part's file. bad is how many bytes at its end aren't whole lines: what was being
// written when the system, or the process, ended.
func readPart(r io.Reader) (head partHead, runs []partRun, bad int, err error) {
	data, err := readAll(r, partMax)
	if err != nil {
		return head, nil, 0, err
	}
	rest := data
	for n := 0; len(rest) > 0; n++ {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		if n == 0 {
			if !bytes.HasPrefix(line, []byte(`{"part_format":`)) {
				return head, nil, 0, errors.New("no part of a sweep, which 'serf sim -shard' writes")
			}
			if !whole || json.Unmarshal(line, &head) != nil {
				return head, nil, len(rest), nil
			}
		} else {
			var x partRun
			if !whole || json.Unmarshal(line, &x) != nil || x.Result == nil {
				return head, runs, len(rest), nil
			}
			runs = append(runs, x)
		}
		rest = after
	}
	return head, runs, 0, nil
}

// part is the file of a shard, open to add runs.
type part struct {
	f        *os.File
	lock     *disk.Lock
	done     map[int]bool
	warnings []string
}

// openPart opens or begins the file of a shard. One that is about something else is an error.
func openPart(path string, head partHead) (p *part, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	p = &part{done: make(map[int]bool)}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	switch p.lock, err = disk.LockFile(path); {
	case errors.Is(err, disk.ErrInUse):
		return p, fmt.Errorf("%s: another process is doing this part", path)
	case err != nil: // some network file systems can't
		p.warnings = append(p.warnings,
			fmt.Sprintf("no lock keeps other processes from doing this part, too: %v", err))
	}
	if p.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666); err != nil {
		return p, err
	}
	return p, p.goOn(path, head)
}

// goOn reads what is there, and has what follows be added behind it.
func (p *part) goOn(path string, head partHead) error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return p.line(head)
	}
	was, runs, bad, err := readPart(p.f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if bad > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf(
			"the last %d bytes of %s aren't whole, and what they were about is done again", bad, path))
		if err := p.f.Truncate(info.Size() - int64(bad)); err != nil {
			return err
		}
		if int64(bad) == info.Size() {
			return p.line(head)
		}
	}
	if d := was.differs(&head, "in this command"); d != "" {
		return fmt.Errorf("%s is there already and part of something else: %s. "+
			"Give another -out, or remove the file", path, d)
	}
	if was.Shard != head.Shard {
		return fmt.Errorf("%s is part %v", path, was.Shard)
	}
	for _, x := range runs {
		p.done[x.Run] = true
	}
	return nil
}

// add writes the result of a run.
func (p *part) add(i int, result any) error {
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	p.done[i] = true
	return p.line(partRun{i, data})
}

// line adds a line, at once: a process that is killed leaves whole lines.
func (p *part) line(v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = p.f.Write(append(data, '\n'))
	}
	return err
}

func (p *part) sync() error { return p.f.Sync() }

func (p *part) close() {
	if p.f != nil {
		p.f.Close()
	}
	p.lock.Release()
}
