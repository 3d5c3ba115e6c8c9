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
	var cmd *exec.Cmd
	if h.Args != nil {
		cmd = exec.CommandContext(ctx, h.Args[0], h.Args[1:]...)
		if err := checkProgram(cmd.Path); err != nil { // found by its name alone
			return nil, err
		}
	} else {
		cmd = exec.CommandContext(ctx, "cmd")
		// cmd doesn't follow the usual rules of quoting: with /S it takes what is between
		// the outermost quotes as it is.
		cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /S /C "` + h.Script + `"`}
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

// checkProgram refuses batch files, which the system hands to cmd: who wants no shell must not get one.
func checkProgram(path string) error {
	switch strings.ToLower(filepath.Ext(strings.TrimRight(path, " ."))) {
	case ".bat", ".cmd":
		return fmt.Errorf("%q is a batch file, which cmd runs: it is no program, leave out %q or name one", path, execPrefix)
	}
	return nil
}
