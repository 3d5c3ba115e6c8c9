package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A program that can change its source moves by its import lines alone.

const (
	movedModule  = "github.com/prometheus/alertmanager"
	movedPackage = movedModule + "/cluster"
	oldImport    = `"github.com/hashicorp/memberlist"`
	newImport    = `"serf/compat/memberlist"`
)

// move changes the import lines in a copy of Alertmanager, prints them as a diff, and runs the tests of
// its cluster package without the replace directive for memberlist.
func (o options) move(ctx context.Context, w io.Writer) error {
	dir, err := os.MkdirTemp("", "foreign")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	module, err := moduleDir(movedModule)
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "program"), os.DirFS(module)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "program/cluster/*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := moveFile(w, file); err != nil {
			return err
		}
	}
	mod := filepath.Join(dir, "go.mod")
	if err := moveModule(mod); err != nil {
		return err
	}
	r := results{}
	if err := o.goTest(ctx, r, ".", "-modfile="+mod, movedPackage); err != nil {
		return err
	}
	if !judge(w, r) {
		return fmt.Errorf("tests of a program whose import lines were changed fail")
	}
	return nil
}

// moveFile changes the import line of a file, if it has one.
func moveFile(w io.Writer, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for number, line := range bytes.Split(text, []byte("\n")) {
		if bytes.Contains(line, []byte(oldImport)) {
			moved := strings.ReplaceAll(string(line), oldImport, newImport)
			fmt.Fprintf(w, "cluster/%s:%d\n-%s\n+%s\n", filepath.Base(file), number+1, line, moved)
		}
	}
	moved := bytes.ReplaceAll(text, []byte(oldImport), []byte(newImport))
	return os.WriteFile(file, moved, 0o644)
}

// moveModule writes a go.mod in which the program is the copy beside it, and memberlist isn't ours.
func moveModule(mod string) error {
	for from, to := range map[string]string{"go.mod": mod, "go.sum": strings.TrimSuffix(mod, "mod") + "sum"} {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	edit := exec.Command("go", "mod", "edit", "-dropreplace="+own, "-require=serf@v0.0.0", "-replace=serf="+root,
		"-replace="+movedModule+"="+filepath.Join(filepath.Dir(mod), "program"), mod)
	if output, err := edit.CombinedOutput(); err != nil {
		return fmt.Errorf("go mod edit: %w\n%s", err, output)
	}
	return nil
}
