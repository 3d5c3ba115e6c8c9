package handler

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// shell returns the command that runs a script: when ctx ends, it is killed with
// its descendants.
func shell(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd")
	// cmd doesn't follow the usual rules of quoting: with /S it takes what is between
	// the outermost quotes as it is.
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /S /C "` + script + `"`}
	cmd.Cancel = func() error {
		tree := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid))
		if tree.Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
	return cmd
}
