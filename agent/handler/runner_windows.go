package handler

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// command returns what runs a handler: when ctx ends, it is killed with its descendants.
func command(ctx context.Context, h *Handler) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, "cmd")
	// cmd doesn't follow the usual rules of quoting: with /S it takes what is between
	// the outermost quotes as it is.
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /S /C "` + h.Script + `"`}
	if h.Args != nil {
		path, err := findProgram(h.Args[0])
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, path, h.Args[1:]...)
	}
	cmd.Cancel = func() error {
		tree := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid))
		if tree.Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
	return cmd, nil
}

// findProgram returns the file that a program's name stands for: the system would add an extension.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		err = checkProgram(path)
	}
	return path, err
}

// checkProgram refuses batch files, which the system hands to cmd: who wants no shell must not get one.
func checkProgram(path string) error {
	switch strings.ToLower(filepath.Ext(strings.TrimRight(path, " ."))) {
	case ".bat", ".cmd":
		return fmt.Errorf("%q is a batch file, which cmd runs: it is no program, leave out %q or name one", path, execPrefix)
	}
	return nil
}
