package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// TestServiceProcess is what the service manager runs in TestService: the agent with the arguments
// after --.
func TestServiceProcess(t *testing.T) {
	if flag.NArg() == 0 {
		t.Skip("only the service manager runs it")
	}
	out, err := os.OpenFile(os.Getenv("TEMP")+`\serf-service-test.log`, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		os.Exit(3)
	}
	os.Exit(dispatch(context.Background(), flag.Args(),
		env{Stdin: strings.NewReader(""), Stdout: out, Stderr: out, LookupEnv: os.LookupEnv}))
}

// TestService: the service manager starts the agent, has it read its configuration again, and stops
// it, upon which it leaves the cluster.
func TestService(t *testing.T) {
	m, err := mgr.Connect()
	if err != nil {
		t.Skipf("no access to the service manager: %v", err)
	}
	defer m.Disconnect()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "serf.json")
	writeTags := func(role string) {
		text := fmt.Sprintf(`{"tags": {"role": %q}}`, role)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeTags("before")
	name := fmt.Sprintf("serf-test-%d", os.Getpid())
	s, err := m.CreateService(name, program, mgr.Config{DisplayName: name},
		"-test.run=^TestServiceProcess$", "--", "agent", "-node=service", "-config-file="+config,
		"-bind=127.0.86.1:7946", "-rpc-addr=127.0.86.1:7373")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Control(svc.Stop)
		s.Delete()
		s.Close()
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	members := func() string {
		var out strings.Builder
		dispatch(t.Context(), []string{"members", "-rpc-addr=127.0.86.1:7373"},
			env{Stdout: &out, Stderr: &out, LookupEnv: func(string) (string, bool) { return "", false }})
		return out.String()
	}
	eventually(t, "before", members)
	writeTags("after")
	if _, err := s.Control(svc.ParamChange); err != nil {
		t.Fatal(err)
	}
	eventually(t, "after", members)
	if _, err := s.Control(svc.Stop); err != nil && err != windows.ERROR_SERVICE_NOT_ACTIVE {
		t.Fatal(err)
	}
	eventually(t, "stopped", func() string {
		if st, err := s.Query(); err == nil && st.State == svc.Stopped {
			return fmt.Sprintf("stopped with %d %d", st.Win32ExitCode, st.ServiceSpecificExitCode)
		}
		return "runs"
	})
	if st, err := s.Query(); err != nil || st.Win32ExitCode != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// eventually waits until what get returns contains want.
func eventually(t *testing.T, want string, get func() string) {
	t.Helper()
	look := time.NewTicker(50 * time.Millisecond) // the service is another process
	defer look.Stop()
	late := time.After(testPatience)
	for {
		got := get()
		if strings.Contains(got, want) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

// TestAgentRunsWithoutTheServiceManager: it can be asked once per process, so any number of agents
// run without it.
func TestAgentRunsWithoutTheServiceManager(t *testing.T) {
	t.Parallel()
	for range 3 {
		if code := asService(make(chan os.Signal), func() int { return 7 }); code != 7 {
			t.Errorf("ended with %d, want the agent's 7", code)
		}
	}
}
