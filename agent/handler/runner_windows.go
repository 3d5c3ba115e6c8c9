package handler

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// command returns the command for a handler. When ctx ends it is killed with all its descendants,
// even those whose own parents have ended.
func command(ctx context.Context, h *Handler) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, "cmd")
	// cmd has quoting rules of its own: with /S it takes what is between the outermost quotes as it
	// is.
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /S /C "` + h.Script + `"`}
	if h.Args != nil {
		path, err := findProgram(h.Args[0])
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, path, h.Args[1:]...)
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

// run runs cmd in a job object of its own, which everything that it starts belongs to. Closing the
// job's handle doesn't end it: a script may leave something running on purpose.
func run(cmd *exec.Cmd) error {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return os.NewSyscallError("CreateJobObject", err)
	}
	defer windows.CloseHandle(job)
	cmd.Cancel = func() error {
		const exitCode = 1
		err := windows.TerminateJobObject(job, exitCode)
		if kill := cmd.Process.Kill(); err != nil {
			return kill
		}
		return nil // the second kill has nothing to do then, and may complain of that
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// A process that has already ended can't join any more.
	_ = cmd.Process.WithHandle(func(h uintptr) {
		_ = windows.AssignProcessToJobObject(job, windows.Handle(h))
	})
	return cmd.Wait()
}

// checkProgram refuses batch files, which the system hands to cmd: a handler that wants no shell
// must not get one.
func checkProgram(path string) error {
	switch strings.ToLower(filepath.Ext(strings.TrimRight(path, " ."))) {
	case ".bat", ".cmd":
		return fmt.Errorf(
			"%q is a batch file, which cmd runs: it is no program, leave out %q or "+
				"name one", path, execPrefix)
	}
	return nil
}
