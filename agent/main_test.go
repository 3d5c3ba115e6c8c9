package agent

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "give the tests of failures their full size; each takes a minute")

// sized is how large a test is: short, unless -long is given.
func sized(short, full int) int {
	if *long {
		return full
	}
	return short
}

// TestMain fails if goroutines are left when all tests are done.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 && leaked(before) {
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		fmt.Fprintln(os.Stderr, "goroutines were left behind by the tests, see above")
		code = 1
	}
	os.Exit(code)
}

// leaked gives goroutines that are about to end the time to do so.
func leaked(before int) bool {
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			return true
		}
		runtime.Gosched()
	}
	return false
}
