package systest

import "testing"

// Long skips a test that takes long when only short ones are wanted (go test -short). why says what
// takes the time.
func Long(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: " + why)
	}
}
