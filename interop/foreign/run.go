package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// timeout ends a test program that hangs. The slowest takes 100 s.
const timeout = 4 * time.Minute

// alone runs a test program in a network namespace of its own, which has loopback and an interface
// with a private address and the default route: programs advertise it if nobody gives them one.
const alone = `unshare --net sh -c 'ip link set lo up && ip link add eth0 type bridge && ` +
	`ip address add 10.77.0.1/24 dev eth0 && ip link set eth0 up && ` +
	`ip route add default via 10.77.0.2 && exec "$0" "$@"'`

// once runs the suites once.
func (o options) once(ctx context.Context) (results, error) {
	if o.original {
		return o.published(ctx)
	}
	r := results{}
	var programs, skips []string
	var group sync.WaitGroup
	var ownErr error
	ownResults := results{}
	for _, s := range o.chosen() {
		if s.module == own {
			group.Go(func() { ownErr = o.ownTests(ctx, ownResults) })
			continue
		}
		programs = append(programs, s.packages)
		if s.skip != "" {
			skips = append(skips, s.skip)
		}
	}
	var err error
	if len(programs) > 0 {
		var skip []string
		if len(skips) > 0 {
			skip = []string{"-skip=" + strings.Join(skips, "|")}
		}
		if err = compile(ctx, programs); err == nil {
			err = o.goTest(ctx, r, ".", append(skip, programs...)...)
		}
	}
	group.Wait()
	maps.Copy(r, ownResults)
	if err := errors.Join(err, ownErr); err != nil {
		return nil, err
	}
	for _, test := range r.flaked() {
		if err := o.again(ctx, test); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// compile compiles what the tests of packages need, so that no compiler runs beside them.
func compile(ctx context.Context, packages []string) error {
	args := append([]string{"list", "-e", "-export", "-test", "-deps", "-f", ""}, packages...)
	if output, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go list: %w\n%s", err, output)
	}
	return nil
}

// again runs a test by itself, up to three times.
func (o options) again(ctx context.Context, test *result) error {
	alone := o
	alone.test = "^" + test.test + "$"
	for range 3 {
		r := results{}
		var err error
		if test.pkg == own {
			err = alone.ownTests(ctx, r)
		} else {
			err = alone.goTest(ctx, r, ".", test.pkg)
		}
		if err != nil {
			return err
		}
		if t := r[[2]string{test.pkg, test.test}]; t != nil && t.action == "pass" {
			test.again = true
			return nil
		}
	}
	return nil
}

// ownTests runs memberlist's own tests on ours.
func (o options) ownTests(ctx context.Context, r results) error {
	dir, err := os.MkdirTemp("", "foreign")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tests, err := layOutOwn(dir)
	if err != nil {
		return err
	}
	for name, needs := range tests.leftOut() {
		r[[2]string{own, name}] = &result{pkg: own, test: name, action: "needs", output: needs}
	}
	return o.goTest(ctx, r, dir, "-mod=mod", "-vet=off", ".")
}

// published runs the suites as they are published, each with the memberlist that it names.
func (o options) published(ctx context.Context) (results, error) {
	r := results{}
	for _, s := range o.chosen() {
		dir, err := moduleDir(s.module)
		if err != nil {
			return nil, err
		}
		args := []string{"-vet=off", "." + strings.TrimPrefix(s.packages, s.module)}
		if s.skip != "" {
			args = append([]string{"-skip=" + s.skip}, args...)
		}
		if err := o.goTest(ctx, r, dir, args...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// moduleDir returns the folder of a module in the module cache. memberlist's version is the one that
// interop names.
func moduleDir(module string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	if module == own {
		cmd.Dir = ".." // here, the path stands for ours
	}
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w", module, withStderr(err))
	}
	var m struct{ Dir string }
	err = json.Unmarshal(text, &m)
	return m.Dir, err
}

// goTest runs go test in a folder and adds what it says to r. That tests fail is no error.
func (o options) goTest(ctx context.Context, r results, dir string, args ...string) error {
	all := []string{"test", "-json", "-count=1", "-timeout=" + timeout.String()}
	if canBeAlone() {
		all = append(all, "-p=4", "-exec="+alone)
	} else {
		all = append(all, "-p=1")
	}
	if o.test != "" {
		all = append(all, "-run="+o.test)
	}
	cmd := exec.CommandContext(ctx, "go", append(all, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := r.read(out); err != nil {
		return err
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil && (len(r) == 0 || ctx.Err() != nil) {
		return fmt.Errorf("go test %s: %w\n%s", filepath.Base(dir), err, stderr.Bytes())
	}
	return nil
}

// canBeAlone returns whether test programs can have a network namespace each.
func canBeAlone() bool {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return false
	}
	for _, program := range []string{"unshare", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return true
}

// withStderr adds what a program wrote to standard error to its error.
func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}
