//go:build unix

package handler

import (
	"context"
	"os"
	"os/exec"
	"syscall"
)

// command returns the command for a handler, in a process group of its own, which is killed as a
// whole when ctx ends.
func command(ctx context.Context, h *Handler) (*exec.Cmd, error) {
	args := h.Args
	if args == nil {
		args = []string{"/bin/sh", "-c", h.Script}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if err == syscall.ESRCH {
			return os.ErrProcessDone
		}
		return err
	}
	return cmd, nil
}

// run runs cmd to its end.
func run(cmd *exec.Cmd) error { return cmd.Run() }

// checkProgram accepts every program: on Unix every program runs without a shell.
func checkProgram(string) error { return nil }
