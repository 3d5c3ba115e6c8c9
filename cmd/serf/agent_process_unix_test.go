//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"serf/agent/rpc"
)

// processVar makes TestAgentProcess an agent with the arguments in it.
const processVar = "SERF_TEST_AGENT"

// TestAgentProcess is not a test: others start it as a process of its own.
func TestAgentProcess(t *testing.T) {
	args := os.Getenv(processVar)
	if args == "" {
		t.Skip("for other tests")
	}
	os.Exit(runAgent(t.Context(), strings.Fields(args), env{Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}))
}

// The agent survives the end of a pager, or of the program that keeps its log.
func TestAgentOutlivesTheReaderOfItsOutput(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAgentProcess$")
	cmd.Env = append(os.Environ(), processVar+"=-node=a -bind=127.0.0.1:0 -rpc-addr=127.0.0.1:0 -profile=local")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	addr := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := regexp.MustCompile(`RPC addr: '(.*)'`).FindStringSubmatch(lines.Text()); m != nil {
			addr = m[1]
		}
		if strings.HasSuffix(lines.Text(), "Serf agent starting") { // the log is shown from now on
			break
		}
	}
	out.Close()
	for range 3 { // each is a line of the log
		c, err := rpc.Dial(t.Context(), addr, rpc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.UserEvent(t.Context(), "x", nil, false); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitError {
		t.Errorf("ended by %v, want a clean stop", err)
	}
}
