package systest

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// StartOnTerminal starts cmd on a terminal of its own, with so many columns and rows, and returns
// the other end: what is written there has been typed, and what is read was shown. The program is
// killed when the test ends, if it still runs.
func StartOnTerminal(t testing.TB, cmd *exec.Cmd, columns, rows int) *os.File {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { outer.Close() })
	var fd int
	err = control(outer, func(f int) error {
		if err := unix.IoctlSetPointerInt(f, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		fd, err = unix.IoctlGetInt(f, unix.TIOCGPTN)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ResizeTerminal(t, outer, columns, rows)
	inner, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", fd), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inner, inner, inner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return outer
}

// ResizeTerminal changes the size of a terminal of StartOnTerminal.
func ResizeTerminal(t testing.TB, outer *os.File, columns, rows int) {
	t.Helper()
	err := control(outer, func(f int) error {
		return unix.IoctlSetWinsize(f, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// control calls f with the file's descriptor.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = f(int(fd)) })
	if err != nil {
		return err
	}
	return failed
}
