package config

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"serf/agent/disk"
)

// replacerVar makes this program, started again, replace a file for ever; see TestMain.
const replacerVar = "SERF_TEST_REPLACE"

func TestMain(m *testing.M) {
	if path := os.Getenv(replacerVar); path != "" {
		replaceForEver(path)
	}
	os.Exit(m.Run())
}

// rings are two keyrings without a common key, large enough for writing to take a while.
func rings() (a, b []byte) {
	many := func(first byte) []byte {
		var keys [][]byte
		for i := range 2000 {
			keys = append(keys, append([]byte{first, byte(i >> 8), byte(i)}, make([]byte, 29)...))
		}
		return FormatKeyring(keys)
	}
	return many(1), many(2)
}

// replaceForEver announces each replacement before it begins.
func replaceForEver(path string) {
	a, b := rings()
	for {
		fmt.Println("again")
		if err := disk.Replace(path, a); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		a, b = b, a
	}
}

// A process that is killed while it writes the keyring leaves the old one or the new one (F26 in
// docs/failures.md).
func TestKillWhileReplacing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring.json")
	a, b := rings()
	if err := disk.Replace(path, a); err != nil {
		t.Fatal(err)
	}
	for kill := range 12 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), replacerVar+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range kill%4 + 2 { // at one moment or another of what follows
			if !lines.Scan() || lines.Text() != "again" {
				t.Fatalf("the writer said %q", lines.Text())
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc([][]byte{a, b}, func(whole []byte) bool { return bytes.Equal(got, whole) }) {
			t.Fatalf("after kill %d: %d bytes, neither the old nor the new keyring", kill, len(got))
		}
	}
}
